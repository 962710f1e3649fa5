// Package image makes the tree that both nodes of a lab boot from: Debian's minbase and the cluster software, by
// debootstrap and apt-get. It is made once, below the user's cache directory, under the digest of what it is made of,
// and is only read from then on. The machine itself gets no package: debootstrap is downloaded and unpacked, not
// installed.
package image
