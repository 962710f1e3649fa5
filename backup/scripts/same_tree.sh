list() { (cd "$1" && find . -exec stat -c "%N %A %u:%g" {} +); }
is=$(list "$1") && [ -n "$(ls -A "$1")" ] || { echo "there is nothing in $1" >&2; exit 2; }
has=$(list "$2")
printf "%s\n" "$is" | grep -vxF -e "$has"
[ $? = 1 ] || exit 1
cd "$1" && find . -type f ! -exec cmp -s {} "$2/{}" \; -print -exec false {} +
