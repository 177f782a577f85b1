#!/usr/bin/env bash
# usage: packages/extras.sh FOLDER: writes the manual pages and the completion scripts that packages bring
set -euo pipefail
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
mkdir -p "$1/completions"
go build -o "$1/kitout" ./cmd/kitout
"$1/kitout" man "$1/man"
"$1/kitout" completion bash >"$1/completions/kitout.bash"
"$1/kitout" completion fish >"$1/completions/kitout.fish"
"$1/kitout" completion zsh >"$1/completions/_kitout"
"$1/kitout" completion powershell >"$1/completions/kitout.ps1"
rm "$1/kitout"
