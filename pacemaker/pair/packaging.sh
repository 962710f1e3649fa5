# Print the inode of the lock that every transaction of rpm holds ("-" where there is no such file), and all locks of the kernel.
LC_ALL=C
export LC_ALL
lock=$(rpm --eval '%{_rpmlock_path}') || exit 1
inode=-
if [ -e "$lock" ]; then
	inode=$(stat -L -c %i -- "$lock") || exit 1
fi
printf 'lock %s %s\n' "$inode" "$lock"
cat /proc/locks || exit 1
printf 'end\n'
