#!/bin/bash
# The one-file program does its work where there is nothing but Python: minutes, and gigabytes in a
# temporary folder.
#
#     scripts/smoke_one_file.sh dist/prefprop
set -euo pipefail

program=$(realpath "${1:?usage: $0 FILE}")
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
mkdir "$home/bin" "$home/work"
cp "$program" "$home/bin/prefprop"
cd "$home/work"

clean() { env -i HOME="$home" PATH="$home/bin:/usr/bin:/bin" "$@"; }
prefprop() {
  echo "== prefprop $*" >&2
  clean prefprop "$@"
}
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
# One line of its input is this.
has() {
  local text
  text=$(cat)
  grep -qE -- "$1" <<<"$text" || fail "no line like '$1' in: $text"
}

told=$(clean prefprop --version 2>&1 >version.txt)
[[ $told == "prefprop: unpacking into ~/.cache/pex"* && $told != *$'\n'* ]] || fail "told: $told"
has '^prefprop [0-9]' <version.txt
[ -z "$(clean prefprop --version 2>&1 >/dev/null)" ] || fail "it is unpacked a second time"
prefprop doctor | has '^attention.native.cpu, backward'
prefprop doctor | has '^version.matplotlib.[0-9]'
prefprop presets | has '^demo\b'
prefprop presets demo | has 'set = "sotu"'
prefprop train --help | has 'Usage: prefprop train'

run=$(prefprop train -p demo -s train.max_steps=2 -s data.max_length=512)
[ -f "$run/adapter/trained.safetensors" ] || fail "no adapter in '$run': $(find "$run")"
prefprop eval "$run" | has '^accuracy.0\.[0-9]'
prefprop calibrate "$run" --plot reliability.svg --report calibration.html >/dev/null
has '</svg>' <reliability.svg
has '</html>' <calibration.html
prefprop report "$run" --out report >/dev/null
[ -n "$(find report -name '*.md')" ] || fail "no report"

echo "Fellow citizens, the state of the Union is strong." >speech.txt
printf 'text\n"Gentlemen of the Senate, and of the House"\n"The atomic age, and peace"\n' >two.csv
prefprop predict --run "$run" speech.txt | has $'^speech\\.txt\t[0-9-]+\t0\\.[0-9]+$'
prefprop predict --run "$run" two.csv --json | has '"probs"'
clean prefprop presets | clean sh -c 'cat >/dev/null'
clean prefprop predict --run "$run" - <speech.txt | has $'\t0\\.[0-9]+$'

# Files of a user: the C libraries of pyarrow, pandas and datasets.
clean python3 - <<'PYTHON'
with open("posts.csv", "w") as file:
    file.write("text,label\n")
    for number in range(60):
        words = "wheels brakes engine" if number % 2 else "orbit moon rocket"
        file.write(f"{words} {number},{'cars' if number % 2 else 'space'}\n")
PYTHON
small=(-s 'model.backbone="minilm"' -s data.max_length=64 -s train.epochs=1)
prefprop train -p base --source posts.csv "${small[@]}" --out runs/posts >/dev/null
prefprop eval runs/posts --json | has '"accuracy"'
once=(-s 'sweep.stages=[{"train.lr"=[1e-2]}]' -s 'sweep.seeds=[0]')
prefprop sweep -p base --source posts.csv "${small[@]}" "${once[@]}" --out swept >/dev/null
# Its parts run as modules of their own, and `transformers` has to be whole.
prefprop bench --shape minilm --lengths 128 --warmup 1 --repeat 2 --against transformers >bench.txt
has 'transformers' <bench.txt

# Exit codes and streams are those of the program.
code=0
prefprop train -p demo -s train.epohcs=1 2>errors.txt || code=$?
[ "$code" = 2 ] || fail "exit code $code"
has 'did you mean `train.epochs`' <errors.txt

# Completions, from the file itself.
cat >tab.bash <<'BASH'
eval "$(_PREFPROP_COMPLETE=source_bash prefprop)"
COMP_WORDS=(prefprop train -p de) COMP_CWORD=3
_prefprop_completion prefprop
echo "${COMPREPLY[@]}"
BASH
cat >tab.fish <<'FISH'
_PREFPROP_COMPLETE=source_fish prefprop | source
complete -C "prefprop train -p de"
FISH
cat >tab.zsh <<'ZSH'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'autoload -U compinit; compinit -u -D; eval "$(_PREFPROP_COMPLETE=source_zsh prefprop)"'
zpty -w shell "PS1='rea''dy> '"
zpty -r shell screen '*ready> *'
zpty -w -n shell $'prefprop train -p de\t'
zpty -r shell screen '*prefprop train -p demo*'
print -r -- ${screen##*ready> }
zpty -d shell
ZSH
echo "== TAB" >&2
for shell in bash fish zsh; do
  if [ -x "$(command -v "$shell")" ]; then
    clean TERM=dumb timeout 60 "$shell" "tab.$shell" | has '\bdemo\b'
  else
    echo "skipped: $shell is not installed" >&2
  fi
done

echo "smoke test passed: $program"
