package sshexec

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrDigest is the cause when a file that was carried over is not the one that was sent.
var ErrDigest = errors.New("the copy's sha256 is not the original's")

// bigFile is the size in bytes from which a sum is taken by openssl where there is one: it is up to seven times as fast
// as sha256sum, which is compiled without the processor's instructions for it. Smaller files are left to the one plain
// command that every machine has.
const bigFile = 16 << 20

// The scripts for big files. An openssl that is not there or fails says nothing on its standard output, and reads
// nothing where it is not there.
const (
	sumScript   = `openssl dgst -sha256 -r "$1" 2>/dev/null || sha256sum "$1"`
	checkScript = `dd if=/dev/null of="$2" conv=notrunc,fsync 2>/dev/null & sync=$!
sum=$(openssl dgst -sha256 -r "$2" 2>/dev/null || sha256sum "$2") || exit 2
wait "$sync" || { echo "it cannot be synced" >&2; exit 2; }
case $sum in "$1 "* | "\\$1 "*) ;; *) echo "the sum is $sum" >&2; exit 1 ;; esac`
	headScript = `dd if="$1" bs="$2" count="$3" 2>/dev/null | { openssl dgst -sha256 -r 2>/dev/null || sha256sum; }`
)

// remoteSum is the sha256 of a file of the machine.
func remoteSum(ctx context.Context, r Runner, name string, size int64) (string, error) {
	cmd := Command(ReadOnly, "sha256sum", "--", name)
	if size >= bigFile {
		cmd = Script(ReadOnly, sumScript, name)
	}
	res, err := runFS(ctx, r, cmd)
	if err != nil {
		return "", err
	}
	return parseSum(res)
}

// remoteHeadSum is the sha256 of a file's first bytes, a whole number of blocks. A file that dd cannot read has the sum
// of nothing, which is nobody's.
func remoteHeadSum(ctx context.Context, r Runner, name string, at int64) (string, error) {
	res, err := r.Run(ctx, Script(ReadOnly, headScript, name, strconv.Itoa(transferBlock), blocks(at)))
	if err != nil {
		return "", err
	}
	return parseSum(res)
}

// checkSum has the machine compare a file's sha256, and sync a big file meanwhile: a disk is not busy with the one
// while the processor is with the other. It is ErrDigest when it is another one. The command only reads, but it is
// declared with the rest of an upload: without the file that a dry run does not write it could not succeed.
func checkSum(ctx context.Context, r Runner, name, sum string, size int64) error {
	check := Command(Mutating, "sha256sum", "-c", "-")
	check.Stdin = Text(sumLine(sum, name))
	if size >= bigFile {
		check = Script(Mutating, checkScript, sum, name)
	}
	_, err := r.Run(ctx, check)
	var ce *CommandError
	if errors.As(err, &ce) && ce.Outcome == Exited && ce.ExitCode == 1 {
		return fmt.Errorf("%w: %w", ErrDigest, err)
	}
	return err
}

// parseSum reads the digest that sha256sum or openssl printed. Sha256sum marks a line with a backslash in which it had
// to escape the file's name.
func parseSum(res Result) (string, error) {
	digest, _, _ := bytes.Cut(bytes.TrimPrefix(res.Stdout, []byte(`\`)), []byte(" "))
	if raw, err := hex.DecodeString(string(digest)); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("%w: %q is no sha256", ErrNoSense, digest)
	}
	return string(digest), nil
}

// sumLine is a line of a list as sha256sum -c reads it. A name with a newline or a backslash is escaped, and a
// backslash before the line says so.
func sumLine(sum, name string) string {
	if escaped := sumEscape.Replace(name); escaped != name {
		return `\` + sum + "  " + escaped + "\n"
	}
	return sum + "  " + name + "\n"
}

var (
	sumEscape   = strings.NewReplacer("\n", `\n`, `\`, `\\`)
	sumUnescape = strings.NewReplacer(`\n`, "\n", `\\`, `\`)
)
