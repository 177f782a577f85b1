# shellcheck shell=bash
# How scripts read .env; they source this file. Any bash from 3.2 on will do.

# given NAME: from the environment, else from .env
given() {
  local line value='' form="^[[:space:]]*(export[[:space:]]+)?$1[[:space:]]*=[[:space:]]*(.*)$"
  if [ -n "${!1+set}" ]; then
    value=${!1}
  elif [ -f .env ]; then
    while IFS= read -r line || [ -n "$line" ]; do
      [[ ! ${line%$'\r'} =~ $form ]] || value=$(dotenv "${BASH_REMATCH[2]}")
    done <.env
  fi
  printf '%s\n' "$value"
}

# A value of .env is literal: only quotes, what is escaped in them, and a comment come off
dotenv() {
  local value=$1 single="^'(([^'\\]|\\\\.)*)'" double='^"(([^"\]|\\.)*)"'
  if [[ $value =~ $single ]]; then
    printf '%s\n' "${BASH_REMATCH[1]}" | sed "s/\\\\\([\\\\']\)/\1/g"
  elif [[ $value =~ $double ]]; then
    printf '%s\n' "${BASH_REMATCH[1]}" | sed "s/\\\\\([\\\\'\"]\)/\1/g"
  else
    value=${value%%[[:space:]]#*}
    printf '%s\n' "${value%"${value##*[![:space:]]}"}"
  fi
}
