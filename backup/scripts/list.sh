# Prints which of the paths are there: for each argument that exists, or that a pattern among them stands for, its number and the name, both ended by a NUL.
# The first argument is the directory that is taken for the root.
root=$1
shift
IFS=
n=0
for pattern; do
	for name in "$root"$pattern; do
		if [ -e "$name" ] || [ -L "$name" ]; then
			printf '%s\000%s\000' "$n" "${name#"$root"}"
		fi
	done
	n=$((n + 1))
done
