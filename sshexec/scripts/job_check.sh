# Finds out whether jobs can be kept in the directory $1, which it makes. Prints "ok", or why not.
umask 077
command -v setsid >/dev/null 2>&1 || {
	echo "there is no setsid(1)"
	exit 0
}
[ -r /proc/self/stat ] || {
	echo "there is no /proc"
	exit 0
}
said=$(mkdir -p -- "$1" 2>&1) || {
	echo "$said"
	exit 0
}
[ ! -L "$1" ] && [ -O "$1" ] && [ -w "$1" ] || {
	echo "$1 does not belong to this user, or cannot be written"
	exit 0
}
echo ok
