# What the jobs of each rule run in when --sdm names conda, apptainer or env-modules (see envs/). It
# is included last, and says once for all rules what `conda:`, `container:` and `envmodules:` would
# say in each. Without --sdm, jobs use what is installed beside this Snakemake.
from snakemake.deployment.env_modules import EnvModules

# Rules that are not named here need neither MPI nor TensorFlow: `cpu`.
ENVIRONMENTS = dict.fromkeys(["transform", "resolution_records", "figure_time"], "mpi")
ENVIRONMENTS |= dict.fromkeys([f"train_{view}" for view in VIEWS], "gpu")
ENVIRONMENTS |= dict.fromkeys(["train_leg", "resolution_train"], "gpu")
ENVIRONMENTS |= dict.fromkeys(["test", "test_mean", "resolution_test", "bundle"], "gpu")
ENVIRONMENTS |= dict.fromkeys(["embedder", "train_sequence", "test_sequence"], "gpu")

for made in workflow.rules:
    if made.shellcmd:
        kind = ENVIRONMENTS.get(made.name, "cpu")
        made.conda_env = f"../../envs/{kind}.yaml"
        made.container_img = str(Path(workflow.basedir) / "envs" / "xscatter.sif")
        made.env_modules = EnvModules(f"xscatter/{kind}")
