"""What public code writes. Facts read in the files named, by line; `recalled` marks what was not.

SSE is the squared error summed over a datum, MSE its mean; KL is summed over the latents unless it says mean.
"""

from klsweep.vae.conventions.convention import Convention
from klsweep.vae.conventions.forms import Form, Hidden, OverBatch, Term
from klsweep.vae.weights import Reduction

SSE = Form()
HALF_SSE = Form(recon_factor=0.5)
MSE = Form(reduction=Reduction.MEAN_RECON)
MEAN_MEAN = Form(reduction=Reduction.MEAN)
NLL = Form(term=Term.OTHER)
BATCH_SUM_NLL = Form(term=Term.OTHER, recon_batch=OverBatch.SUM, kl_batch=OverBatch.SUM)
NLL_PER_DIMENSION = Form(term=Term.OTHER, reduction=Reduction.MEAN_RECON, hidden=Hidden.PER_DIMENSION)
BATCH_SUM_GAUSSIAN = Form(term=Term.GAUSSIAN, recon_batch=OverBatch.SUM, kl_batch=OverBatch.SUM)

PYTHAE = "clementchadebec/benchmark_VAE src/pythae/models/beta_vae/beta_vae_model.py:84-100"
DLIB = (
    "google-research/disentanglement_lib methods/shared/losses.py:66-76, methods/unsupervised/vae.py:118-123"
)
DISVAE = "YannDubs/disentangling-vae disvae/models/losses.py:433"
PYTORCH_VAE = "AntixK/PyTorch-VAE"
KONNY = "1Konny/Beta-VAE solver.py"
SIGMA_VAE = "orybkin/sigma-vae-pytorch model.py"
WORLD_MODELS = "AppliedDataSciencePartners/WorldModels vae/arch.py"

CONVENTIONS: tuple[Convention, ...] = (
    Convention(
        name="pythae", loss="0.5 * SSE + beta * KL", form=HALF_SSE, setting="beta", default=1.0, source=PYTHAE,
        aliases=("benchmark_VAE",), trap="reconstruction_loss: mse; beta is for sigma^2 = 1",
    ),
    Convention(
        name="pythae-bce", loss="BCE + beta * KL", form=NLL, setting="beta", default=1.0, source=PYTHAE,
    ),
    Convention(
        name="disentanglement_lib", loss="BCE + beta * KL", form=NLL, setting="beta", default=1.0, source=DLIB,
        aliases=("dlib", "disentanglement_lib-bernoulli"),
        trap="the Bernoulli loss of its published study; for l2 see disentanglement_lib-l2",
    ),
    Convention(
        name="disentanglement_lib-l2", loss="SSE + beta * KL", form=SSE, setting="beta", default=1.0, source=DLIB,
        aliases=("dlib-l2",),
    ),
    Convention(
        name="disentangling-vae", loss="BCE + betaH_B * KL", form=NLL, setting="betaH_B", default=4.0,
        source=f"{DISVAE},148", aliases=("disvae",), trap="rec_dist: bernoulli; the Gaussian hides a 255",
    ),
    Convention(
        name="disentangling-vae-gaussian", loss="255 * SSE + betaH_B * KL",
        form=Form(recon_factor=1 / 255, data_scale=255.0), setting="betaH_B", default=4.0,
        source=f"{DISVAE},148", aliases=("disvae-gaussian",),
        trap="squared error of pixels of 0 to 255, divided by 255: against data in [0, 1] KL counts 255 times less",
    ),
    Convention(
        name="pytorch-vae", loss="MSE + kld_weight * KL", form=MSE, setting="kld_weight", default=0.00025,
        source=f"{PYTORCH_VAE} models/vanilla_vae.py:139-145, experiment.py:40",
        aliases=("antixk", "pytorch-vae-train"),
        trap="training only; validation sets kld_weight to 1, 4000 times more (pytorch-vae-validation)",
    ),
    Convention(
        name="pytorch-vae-validation", loss="MSE + 1.0 * KL", form=MSE, setting="M_N", default=1.0,
        source=f"{PYTORCH_VAE} experiment.py:54", aliases=("antixk-validation",),
        trap="val_loss chooses the checkpoint (run.py:48-51), so the most collapsed model is kept as the best",
    ),
    Convention(
        name="pytorch-vae-beta", loss="MSE + beta * 0.00025 * KL",
        form=Form(reduction=Reduction.MEAN_RECON, kl_factor=0.00025), setting="beta", default=10.0,
        source=f"{PYTORCH_VAE} models/beta_vae.py:144, configs/bhvae.yaml, experiment.py:40",
        aliases=("antixk-beta",), trap="kld_weight 0.00025 multiplies beta in training, and 1 in validation",
    ),
    Convention(
        name="pytorch-vae-beta-validation", loss="MSE + beta * 1.0 * KL", form=MSE, setting="beta", default=10.0,
        source=f"{PYTORCH_VAE} models/beta_vae.py:144, experiment.py:54", aliases=("antixk-beta-validation",),
    ),
    Convention(
        name="bolts", loss="MSE + kl_coeff * mean KL", form=MEAN_MEAN, setting="kl_coeff", default=0.1,
        source="Lightning-Universe/lightning-bolts basic_vae_module.py:50,135-141",
        aliases=("lightning-bolts", "pl_bolts"), trap="the logged kl is already multiplied by kl_coeff",
    ),
    Convention(
        name="disent", loss="MSE + beta * mean KL", form=MEAN_MEAN, setting="beta", default=0.003,
        source="nmichlo/disent disent/frameworks/vae/_unsupervised__betavae.py",
        trap="loss_reduction: mean; the default stands for beta = 4 of 3x64x64 and 9 latents in sums",
    ),
    Convention(
        name="mr-vae", loss="SSE + beta * KL", form=SSE, setting="beta", default=1.0,
        source="pomonam/mr-vae image/baseline_train.py:42-57",
    ),
    Convention(
        name="mr-vae-binary", loss="BCE + beta * KL", form=NLL, setting="beta", default=1.0,
        source="pomonam/mr-vae binary_image/baseline_train.py",
    ),
    Convention(
        name="1konny", loss="SSE + beta * KL", form=SSE, setting="beta", default=4.0, source=KONNY,
        aliases=("1konny-gaussian", "1Konny/Beta-VAE"), trap="chairs and CelebA; dSprites is 1konny-bernoulli",
    ),
    Convention(
        name="1konny-bernoulli", loss="BCE + beta * KL", form=NLL, setting="beta", default=4.0, source=KONNY,
    ),
    Convention(
        name="keras", loss="BCE + KL", form=NLL, setting="", default=1.0,
        source="keras-team/keras-io examples/generative/vae.py", aliases=("keras-example", "keras.io"),
    ),
    Convention(
        name="keras-before-3383", loss="mean BCE + KL", form=Form(term=Term.OTHER, reduction=Reduction.MEAN_RECON),
        setting="", default=1.0, source="keras-team/keras examples/variational_autoencoder.py, mended by PR #3383",
        trap="the factor N is missing: beta is 784 on MNIST, and the posterior collapses",
    ),
    Convention(
        name="keras-molecules", loss="CE + mean KL", form=Form(term=Term.OTHER, reduction=Reduction.MEAN_KL),
        setting="", default=1.0, source="maxhodak/keras-molecules issue #59",
        trap="mean over the latents: beta is 1/M",
    ),
    Convention(
        name="grammarvae", loss="CE + mean KL", form=Form(term=Term.OTHER, reduction=Reduction.MEAN_KL),
        setting="", default=1.0, source="mkusner/grammarVAE issue #2", trap="mean over the latents: beta is 1/M",
    ),
    Convention(
        name="pytorch-examples", loss="sum over the batch of BCE + KL", form=BATCH_SUM_NLL, setting="", default=1.0,
        source="pytorch/examples vae/main.py, since PR #296", trap="gradients grow with the batch size",
    ),
    Convention(
        name="pytorch-examples-before-296", loss="mean BCE + KL / N", form=NLL_PER_DIMENSION, setting="", default=1.0,
        source="pytorch/examples vae/main.py, before PR #296", trap="both are divided by N: beta is 1 all the same",
    ),
    Convention(
        name="sigma-vae", loss="sum over the batch of -log p + KL", form=BATCH_SUM_GAUSSIAN, setting="", default=1.0,
        source=f"{SIGMA_VAE} (sigma_vae, optimal_sigma_vae)",
        trap="sigma is learned, so theta is known after training: --sigma2 with its last value gives it",
    ),
    Convention(
        name="sigma-vae-gaussian", loss="sum over the batch of 0.5 * SSE + KL",
        form=Form(recon_factor=0.5, recon_batch=OverBatch.SUM, kl_batch=OverBatch.SUM),
        setting="", default=1.0, source=f"{SIGMA_VAE} (gaussian_vae)",
    ),
    Convention(
        name="sigma-vae-mse", loss="MSE over the batch and pixels + KL summed over the batch",
        form=Form(reduction=Reduction.MEAN_RECON, kl_batch=OverBatch.SUM), setting="", default=1.0,
        source=f"{SIGMA_VAE} (mse_vae)", trap="shown by its authors as a mistake: KL counts N * batch times more",
    ),
    Convention(
        name="scvi-tools", loss="-log p + kl_weight * KL", form=NLL, setting="kl_weight", default=1.0,
        source="scverse/scvi-tools _trainingplans.py:155", aliases=("scvi",),
        trap="rises from 0 over 400 epochs; a shorter training ends below the maximum",
    ),
    Convention(
        name="vdvae", loss="(-log p + KL) / N", form=NLL_PER_DIMENSION, setting="", default=1.0,
        source="openai/vdvae vae.py:232-239",
    ),
    Convention(
        name="autoencodix", loss="sum over the batch of SSE + beta * KL",
        form=Form(recon_batch=OverBatch.SUM, kl_batch=OverBatch.SUM), setting="beta", default=None,
        source="jan-forest/autoencodix_package base/_base_loss.py:47-55,138", recalled=True,
        trap="loss_reduction: sum, squared error; gradients grow with the batch size",
    ),
    Convention(
        name="autoencodix-mean", loss="MSE + beta * mean KL", form=MEAN_MEAN, setting="beta", default=None,
        source="jan-forest/autoencodix_package base/_base_loss.py:47-55,138", recalled=True,
        trap="loss_reduction: mean also averages over the latents",
    ),
    Convention(
        name="balancing-vae", loss="-log p + (2 * side / M)^2 * KL",
        form=Form(term=Term.GAUSSIAN, hidden=Hidden.BALANCING), setting="", default=1.0,
        source="asperti/BalancingVAE computed_gamma.py", aliases=("asperti",),
        trap="a KL weight no setting shows: 1 for CIFAR 32/64, 4 for CelebA 64/64; the variance is adapted",
    ),
    Convention(
        name="cryodrgn", loss="MSE + beta * KL / N",
        form=Form(reduction=Reduction.MEAN_RECON, hidden=Hidden.PER_DIMENSION), setting="beta", default=1.0,
        default_per_latent=True, source="ml-struct-bio/cryodrgn cryodrgn/commands/train_vae.py; issue #356",
        trap="N counts the pixels inside the circular mask; some 3.x versions default to 1/ntilts",
    ),
    Convention(
        name="tsgm", loss="recon + KL", form=NLL, setting="beta", default=1.0, ignored=True,
        source="AlexanderVNikitin/tsgm tsgm/models/cvae.py BetaVAE.train_step; issue #69",
        trap="beta is accepted and never used; recon adds squared errors of averages, so it is no plain sum",
    ),
    Convention(
        name="world-models", loss="1000 * MSE + mean KL", form=Form(reduction=Reduction.MEAN, recon_factor=1000.0),
        setting="", default=1.0, source=WORLD_MODELS, trap="the threads of collapse (#2, #12) are world-models-10",
    ),
    Convention(
        name="world-models-10", loss="10 * MSE + mean KL", form=Form(reduction=Reduction.MEAN, recon_factor=10.0),
        setting="", default=1.0, source=f"{WORLD_MODELS}; issues #2 and #12", recalled=True,
        trap="beta is about 38 for 3x64x64 and 32 latents: reported KL 3.8e-7",
    ),
)  # fmt: skip
"""Every convention known, by the name to give to `--from` and `--to`."""
