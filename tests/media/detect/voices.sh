#!/usr/bin/env bash
# Speaks every line of texts.txt in every voice of its language: OUT/<set>-<class>-<n>-<voice>.wav at 22,050 Hz.
# The voices of set `held` are other voices and other words than those the detector's figures were chosen on.
#   tests/media/detect/voices.sh OUT
set -euo pipefail
out=$1
texts=$(dirname "$0")/texts.txt
declare -A voices=(
  [tune-en]="en-us+m1 en-us+f2 en-gb+m3 en-gb-scotland+f4 en-us+m7 en-gb-x-rp+f1"
  [held-en]="en-gb+f5 en-us+m4 en-029+m2 en-gb-x-gbclan+f3 en-us+m8 en-gb-x-gbcwmd+m5"
  [tune-de]="de+m3 de+f2" [held-de]="de+m6 de+f5"
  [tune-es]="es+m3 es+f2" [held-es]="es+m6 es+f5"
  [tune-fr]="fr+m3 fr+f2" [held-fr]="fr+m6 fr+f5"
)
mkdir -p "$out"
n=0
while IFS='|' read -r set class language text; do
  [[ -z $set || $set == \#* ]] && continue
  n=$((n + 1))
  speed=$((140 + (n * 37) % 60))
  pitch=$((35 + (n * 23) % 35))
  for voice in ${voices[$set-$language]}; do
    espeak-ng -v "$voice" -s $speed -p $pitch -w "$out/$set-$class-$n-$voice.wav" "$text"
  done
done <"$texts"
