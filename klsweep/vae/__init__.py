"""The mathematics of the study. Files of settings load torch only when their methods run."""
