"""Broken specs: what is wrong with each, where, and words that its sentences must have.

`where` are the line and column of each problem, in order; `words` are looked for in all of them together.
"""

from typing import NamedTuple


class Broken(NamedTuple):
    text: str
    where: list[str]
    words: list[str]


F = "fixed: {dataset: digits}\n"
B = "fixed: {dataset: digits, beta: 1}\n"

SPECS = {
    "key with a typo": Broken(
        "fixed: {datset: digits, beta: 1}", ["1:9"], ["no key datset", "did you mean dataset?"]
    ),
    "inner key with a typo": Broken(
        B + "grid: {train.epoch: [1, 2]}",
        ["2:8"],
        ["no setting train.epoch", "batch_size", "did you mean train.epochs?"],
    ),
    "inner key without its field": Broken(
        F + "grid: {beta: [1], lr: [1]}", ["2:19"], ["did you mean train.lr?"]
    ),
    "key of another kind": Broken(
        B + "grid: {schedule: [{kind: constant, warmup: 0.2}]}",
        ["2:36"],
        ["schedule constant has no setting warmup", "linear"],
    ),
    "setting with a typo in a part": Broken(
        "fixed:\n  dataset: digits\n  beta: 1\n  model:\n    kind: mlp\n    hiden: [3]",
        ["6:5"],
        ["model.hiden", "allowed: hidden, activation", "did you mean hidden?"],
    ),
    "kind with a typo": Broken(
        "fixed: {dataset: digits, beta: 1, likelihood: bernouli}",
        ["1:47"],
        ["no likelihood bernouli", "allowed: bernoulli, gaussian, mse", "did you mean bernoulli?"],
    ),
    "kind with a typo in a mapping": Broken(
        F + "grid: {beta: [1], schedule: [{kind: linaer}]}", ["2:37"], ["did you mean linear?"]
    ),
    "unknown data set": Broken("fixed: {dataset: digts, beta: 1}", ["1:18"], ["no dataset digts", "mnist"]),
    "part without kind": Broken("fixed: {dataset: {limit: 9}, beta: 1}", ["1:26"], ["does not say its kind"]),
    "required setting left out": Broken(
        "fixed: {dataset: {kind: gaussian}, beta: 1}",
        ["1:18"],
        ["dataset.spectrum is missing", "a list of numbers"],
    ),
    "number in quotes": Broken(
        "fixed:\n  dataset: digits\n  beta: 1\n  train:\n    lr: '1e-3'",
        ["5:9"],
        ["train.lr: '1e-3' is text", "allowed: a number > 0", "write 1e-3 without quotes"],
    ),
    "decimal point in a whole number": Broken(
        B + "grid: {latent_dim: [2.0, 2.5]}", ["2:21", "2:26"], ["2.5 is not a whole number", "write 2"]
    ),
    "truth value as a number": Broken(
        B + "grid: {seed: [true]}", ["2:15"], ["seed: true is a truth value", "a whole number >= 0"]
    ),
    "part as a number": Broken(
        "fixed: {dataset: digits, beta: 1, model: 7}", ["1:42"], ["7 is a number", "mlp"]
    ),
    "train as a number": Broken(
        "fixed: {dataset: digits, beta: 1, train: 7}", ["1:42"], ["7 is a number", "a mapping"]
    ),
    "no value": Broken("fixed: {dataset: digits, beta: 1, seed: }", ["1:40"], ["seed: no value is given"]),
    "item of a list": Broken(
        "fixed: {dataset: digits, beta: 1, model: {hidden: [4, 0, x]}}",
        ["1:55", "1:58"],
        ["0 is out of range", "'x' is text", "allowed: a whole number > 0"],
    ),
    "empty list value": Broken(
        "fixed: {dataset: digits, beta: 1, model.hidden: []}", ["1:49"], ["the list is empty"]
    ),
    "key given twice": Broken(
        F + "grid: {beta: [1]}\ngrid: {beta: [2]}", ["3:1"], ["grid is given twice", "line 2"]
    ),
    "key given dotted and nested": Broken(
        "fixed: {dataset: digits, beta: 1, train: {lr: 1}, train.lr: 2}",
        ["1:51"],
        ["train.lr is given twice", "dotted and nested spellings are the same"],
    ),
    "key in fixed and grid": Broken(B + "grid: {beta: [1]}", ["2:8"], ["in grid and in fixed, line 1"]),
    "key in grid and zip": Broken(
        F + "grid: {beta: [1], seed: [0]}\nzip: {a: {seed: [1]}}",
        ["3:11"],
        ["in zip.a and in grid", "remove one"],
    ),
    "key in two zips": Broken(
        B + "zip: {a: {seed: [1]}, b: {seed: [2]}}", ["2:27"], ["in zip.b and in zip.a"]
    ),
    "key inside a value of another axis": Broken(
        B + "grid: {schedule: [{kind: linear, warmup: 0.2}], schedule.warmup: [0.1]}",
        ["2:49"],
        ["also given inside a value of schedule"],
    ),
    "empty axis": Broken(F + "grid: {beta: []}", ["2:14"], ["the axis is empty", "{logspace: [a, b, n]}"]),
    "one value as an axis": Broken(
        F + "grid: {beta: 1}", ["2:14"], ["1 is a number, not an axis", "write [1]"]
    ),
    "axis of an unknown form": Broken(
        F + "grid: {beta: {logspce: [1, 2, 3]}}", ["2:14"], ["did you mean logspace?"]
    ),
    "axis under fixed": Broken(
        "fixed: {dataset: digits, beta: {range: [1, 3]}}",
        ["1:40"],
        ["a mapping is given", "put beta under grid"],
    ),
    "several values under fixed": Broken(
        "fixed: {dataset: digits, beta: [1, 2]}", ["1:32"], ["[1, 2] is a list", "put beta under grid"]
    ),
    "value twice in an axis": Broken(F + "grid: {beta: [1, 2, 1.0]}", ["2:21"], ["1.0 is in the axis twice"]),
    "part twice in an axis": Broken(
        B + "grid: {schedule: [linear, {kind: linear}]}", ["2:27"], ["{kind: linear} is in the axis twice"]
    ),
    "not a number": Broken(F + "grid: {beta: [.nan, 1, .inf]}", ["2:15", "2:24"], ["not a finite number"]),
    "range the wrong way": Broken(
        B + "grid: {seed: {range: [3, 0]}}", ["2:22"], ["no values from 3 to 0 by 1", "< 0"]
    ),
    "range without step": Broken(B + "grid: {seed: {range: [0, 3, 0]}}", ["2:22"], ["the step is 0"]),
    "range of one number": Broken(
        B + "grid: {seed: {range: [3]}}", ["2:22"], ["1 numbers are given", "two or three"]
    ),
    "range of text": Broken(B + "grid: {seed: {range: [a, b]}}", ["2:22"], ["'a' is text", "write numbers"]),
    "logspace from 0": Broken(
        F + "grid: {beta: {logspace: [0, 1, 3]}}", ["2:25"], ["0 is not > 0", "values, not exponents"]
    ),
    "logspace of no values": Broken(
        F + "grid: {beta: {logspace: [1, 2, 0]}}", ["2:25"], ["0 values cannot be made"]
    ),
    "linspace of half a value": Broken(F + "grid: {beta: {linspace: [1, 2, 1.5]}}", ["2:25"], ["how many"]),
    "zip of unequal lengths": Broken(
        B + "zip: {pair: {latent_dim: [1, 2], seed: [0]}}",
        ["2:7"],
        ["latent_dim has 2, seed has 1", "equal lengths", "use grid for all pairs"],
    ),
    "zip without a name": Broken(B + "zip: {seed: [0, 1]}", ["2:13"], ["name the zip"]),
    "warm-up longer than the training": Broken(
        F + "grid: {beta: [1], schedule: [{kind: linear, warmup: 1.5}]}",
        ["2:45"],
        ["schedule: warmup 1.5 is longer than the training", "by: epoch"],
    ),
    "warm-up of more epochs than the training has": Broken(
        F + "grid: {beta: [1], schedule: [{kind: linear, warmup: 20, by: epoch}]}",
        ["2:30"],
        ["schedule: warmup takes", "the training has", "make it shorter"],
    ),
    "no weight": Broken(F, ["1:1"], ["no weight is given", "beta_norm, beta, weight", "grid"]),
    "two weights": Broken(
        F + "grid: {beta: [1], beta_norm: [1, 2]}", ["2:19"], ["as beta_norm and as beta", "keep one"]
    ),
    "no data set": Broken("fixed: {beta: 1}", ["1:1"], ["dataset is missing", "digits"]),
    "negative weight": Broken(F + "grid: {beta: [-1, 1]}", ["2:15"], ["-1 is out of range", "a number >= 0"]),
    "no latents": Broken(
        B + "grid: {latent_dim: [0, 2]}", ["2:21"], ["0 is out of range", "a whole number > 0"]
    ),
    "epochs and steps": Broken(
        "fixed: {dataset: digits, beta: 1, train: {epochs: 1, steps: 2}}",
        ["1:54"],
        ["either epochs or steps"],
    ),
    "momentum of adam": Broken(
        "fixed: {dataset: digits, beta: 1, train.momentum: 0.5}", ["1:35"], ["belongs to sgd"]
    ),
    "unknown reduction": Broken(
        "fixed: {dataset: digits, beta: 1, reduction: summ}",
        ["1:46"],
        ["'summ' is not known", "mean_recon", "did you mean sum?"],
    ),
    "exclude that matches nothing": Broken(
        F + "grid: {beta: [1, 2]}\nexclude: [{beta: 3}]",
        ["3:18"],
        ["no job has beta: 3", "the jobs have 1, 2"],
    ),
    "exclude that matches nothing together": Broken(
        F
        + "grid: {beta: [1, 2]}\nzip: {z: {seed: [0, 1], latent_dim: [1, 2]}}\nexclude: [{seed: 1, latent_dim: 1}]",
        ["4:11"],
        ["no job meets all of these"],
    ),
    "exclude that matches everything": Broken(
        F + "grid: {beta: [1, 2]}\nexclude: [{beta: [1, 2]}]", ["3:11"], ["leaves none of 2 jobs"]
    ),
    "exclude with an unknown key": Broken(
        B + "exclude: [{sed: 1}]", ["2:12"], ["no key sed", "did you mean seed?"]
    ),
    "comparison that is none": Broken(
        B + "exclude: [{beta: '=> 2'}]", ["2:18"], ["not a comparison", ">= 1"]
    ),
    "override with an unknown key": Broken(
        B + "overrides: [{when: {beta: 1}, set: {train.epoch: 3}}]", ["2:37"], ["did you mean train.epochs?"]
    ),
    "override with an unknown part": Broken(
        B + "overrides: [{wenn: {beta: 1}, set: {seed: 3}}]", ["2:14"], ["no key wenn", "did you mean when?"]
    ),
    "override that sets nothing": Broken(B + "overrides: [{when: {beta: 1}}]", ["2:13"], ["set is missing"]),
    "override that matches nothing": Broken(
        B + "overrides: [{when: {beta: 2}, set: {seed: 3}}]", ["2:27"], ["overrides: no job has beta: 2"]
    ),
    "override with a bad value": Broken(
        B + "overrides: [{when: {beta: 1}, set: {seed: -3}}]", ["2:43"], ["seed: -3 is out of range"]
    ),
    "include without a weight": Broken(
        F + "grid: {beta: [1]}\ninclude: [{seed: 3}]", ["3:11"], ["no weight is given"]
    ),
    "conv on small images": Broken(
        "fixed: {dataset: digits, beta: 1}\ngrid: {model: [mlp, {kind: conv, channels: [8, 8, 8, 8]}]}",
        ["2:21"],
        ["divisible by 16", "8x8"],
    ),
    "bernoulli on gaussian data": Broken(
        "fixed: {dataset: {kind: gaussian, spectrum: [2, 1]}, beta: 1}\ngrid: {likelihood: [mse, bernoulli]}",
        ["2:26"],
        ["bernoulli needs values in [0, 1]", "allowed: gaussian, mse"],
    ),
    "bernoulli by default on gaussian data": Broken(
        "fixed: {dataset: {kind: gaussian, spectrum: [2, 1]}, beta: 1}",
        ["1:18"],
        ["(the default)", "write likelihood: gaussian"],
    ),
    "unsafe name": Broken(
        "name: ../up\n" + B, ["1:7"], ["cannot name a folder", "letters a-z", "write name: up"]
    ),
    "name that is a number": Broken("name: 7\n" + B, ["1:7"], ["name: 7 is a number", "write name: '7'"]),
    "unsupported version": Broken(
        "version: 2\n" + B, ["1:10"], ["version: 2 is not known", "write version: 1"]
    ),
    "unknown block": Broken(B + "gird: {seed: [1]}", ["2:1"], ["no block gird", "did you mean grid?"]),
    "key outside the blocks": Broken(
        "fixed: {dataset: digits}\nbeta: 1", ["2:1"], ["no block beta", "put beta under fixed"]
    ),
    "tag": Broken(
        "fixed: {dataset: !!python/name:os.system digits, beta: 1}", ["1:18"], ["tags are not read"]
    ),
    "anchor and alias": Broken(
        F + "grid: {beta: &b [1], seed: *b}",
        ["2:14", "2:28"],
        ["&b: anchors", "*b: anchors", "write the value out"],
    ),
    "tab": Broken("fixed:\n\tdataset: digits", ["2:1"], ["a tab cannot indent", "spaces"]),
    "two documents": Broken(B + "---\n" + B, ["2:1"], ["second document", "one document"]),
    "bracket left open": Broken("fixed: {dataset: digits, beta: 1", ["1:33"], ["not YAML", "brackets"]),
    "bad indentation": Broken("fixed:\n  dataset: digits\n beta: 1", ["3:2"], ["not YAML", "indentation"]),
    "empty file": Broken("# nothing\n", ["1:1"], ["the spec is empty"]),
    "a list": Broken("- 1\n- 2", ["1:1"], ["a spec is a mapping"]),
    "a word": Broken("hello", ["1:1"], ["a spec is a mapping", "'hello' is text"]),
    "endless number": Broken(
        "fixed: {dataset: digits, beta: 1, seed: " + "9" * 5000 + "}", ["1:41"], ["5000 digits"]
    ),
    "seed beyond 63 bits": Broken(
        "fixed: {dataset: digits, beta: 1, seed: 9223372036854775808}", ["1:41"], ["out of range"]
    ),
    "nested without end": Broken("fixed: " + "[" * 99, ["1:40"], ["nested deeper"]),
    "setting inside a plain value": Broken(
        "fixed: {dataset: digits, beta: 1, beta.x: 2}", ["1:35"], ["beta has no settings inside"]
    ),
    "bad value beside a rule on it": Broken(
        B + "grid: {latent_dim: [0, 2]}\nexclude: [{latent_dim: 7}]", ["2:21"], ["0 is out of range"]
    ),
    "several at once": Broken(
        "version: 3\nname: a b\nfixed:\n  dataset: digitz\n  lr: 1\n  train: {epochs: -1, batch: 3}\n"
        "grid:\n  beta: ['1', -2]\n  latent_dim: {range: [5, 1]}\n  seed: [0, 0]\nexclude: [{sedd: 1}]",
        ["1:10", "2:7", "4:12", "5:3", "6:19", "6:23", "8:10", "8:15", "9:23", "10:13", "11:12"],
        ["digits?", "train.lr?", "batch_size?", "write 1 without quotes", "seed?"],
    ),
}
