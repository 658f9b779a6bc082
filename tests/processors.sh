#!/usr/bin/env bash
# Run the tests marked `floats` as other processors would run them, with one thread and with
# several.
#
# Libraries choose their code by the processor, and so do sums their order: what passes on one
# processor may fail on another, where a tolerance was that of the first. Each run below tells every
# library that computes here (oneDNN below TensorFlow, NumPy, Numba, OpenBLAS) to do without what
# is newer than its processor. `make test` runs the same tests as this processor would by default.
#
#   PATH=.venv/bin:$PATH tests/processors.sh [options of pytest]
#
# CORES=2 takes two files at a time, PROCESSORS=haswell one processor alone.
set -uo pipefail
cd "$(dirname "$0")/.."
cores=${CORES:-$(nproc)}
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
failed=()

# run NAME THREADS [VARIABLE=value ...] -- [options of pytest]
run() {
  local name=$1 threads=$2 settings=()
  [[ " ${PROCESSORS:-$name} " = *" $name "* ]] || return 0
  shift 2
  while [ "$1" != -- ]; do settings+=("$1"); shift; done
  shift
  echo "processors: $name, threads: $threads"
  # A file at a time, so that few functions are compiled twice.
  env OMP_NUM_THREADS="$threads" OPENBLAS_NUM_THREADS="$threads" \
    TF_NUM_INTRAOP_THREADS="$threads" ${settings[@]+"${settings[@]}"} \
    python -m pytest -m floats -q -p no:cacheprovider -n "$cores" --dist loadfile "$@" ||
    failed+=("$name")
}

# What NumPy can leave out here: it has it compiled in, and the processor has it.
numpy_without() {
  python - "$1" <<'PYTHON'
import re, sys
from numpy._core import _multiarray_umath as core
found = [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]
print(*(name for name in found if re.search(sys.argv[1], name)))
PYTHON
}

has() { grep -qw "$1" /proc/cpuinfo; }

if [ "$(uname -m)" = x86_64 ] && [ -r /proc/cpuinfo ]; then
  # x86-64-v2, of 2008 to 2013: neither AVX2 nor fused products. Every machine can do this.
  run nehalem 4 ONEDNN_MAX_CPU_ISA=SSE41 NPY_DISABLE_CPU_FEATURES="$(numpy_without .)" \
    NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES= NUMBA_CACHE_DIR="$cache/nehalem" \
    OPENBLAS_CORETYPE=Nehalem -- "$@"
  # x86-64-v3, from 2013: AVX2 and fused products, no AVX-512.
  if has avx2 && has fma && has bmi2; then
    run haswell 1 ONEDNN_MAX_CPU_ISA=AVX2 NPY_DISABLE_CPU_FEATURES="$(numpy_without '512|V4')" \
      NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx2,+fma,-avx512f \
      NUMBA_CACHE_DIR="$cache/haswell" OPENBLAS_CORETYPE=Haswell -- "$@"
  else
    echo "processors: haswell skipped: this processor lacks AVX2, FMA or BMI2"
  fi
  has avx512bw || echo "processors: AVX-512 is not tested: this processor lacks it"
else
  echo "processors: only x86-64 can run as an older processor would"
fi
# This one, by TensorFlow's own kernels: they serve where oneDNN cannot, as for bfloat16 before
# AVX-512.
run eigen 1 TF_ENABLE_ONEDNN_OPTS=0 -- "$@"

[ ${#failed[@]} = 0 ] || { echo "processors: failed as ${failed[*]}"; exit 1; }
