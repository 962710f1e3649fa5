package sshexec

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// treeSums are the sha256 of a tree's files, in hexadecimal, by their names.
type treeSums map[string]string

// treeSumScript prints the sum of each file below the current directory: by openssl, which is several times as fast,
// unless there is none or a name would be ambiguous in what it prints. Beside that it syncs them where it is told to: a
// disk is not busy with the one while the processor is with the other. Where sync does not know single file systems
// (coreutils before 8.24, so EL6 and EL7), it is all of them.
const treeSumScript = `synced=:; if [ "$2" = sync ]; then { sync -f . 2>/dev/null || sync; } & synced="wait $!"; fi
if [ "$1" = plain ] && command -v openssl >/dev/null; then set -- openssl dgst -sha256 -r; else set -- sha256sum; fi
find . -type f -exec "$@" {} + && $synced`

// compareTree holds a copy against the machine's own sums of its files; one that was just made there is synced, too. A
// dry run has the command and no answer.
func compareTree(ctx context.Context, r Runner, effect Effect, dir string, ours treeSums, dry bool) error {
	names := "plain"
	for name := range ours {
		if strings.ContainsAny(name, "\n\r\\") {
			names = "any"
		}
	}
	sync := "no sync"
	if effect != ReadOnly {
		sync = "sync"
	}
	list := Script(effect, treeSumScript, names, sync)
	list.Dir = dir
	res, err := r.Run(ctx, list)
	if err != nil || dry {
		return err
	}
	if res.Truncated {
		return fmt.Errorf("%w: the list of sums is longer than %d bytes", ErrNoSense, CaptureLimit)
	}
	theirs, err := parseSums(res.Stdout)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		switch sum, ok := theirs[name]; {
		case !ok:
			return fmt.Errorf("%w: %s is not there any more", ErrDigest, name)
		case sum != ours[name]:
			return fmt.Errorf("%w: %s is %s there and was %s on the way", ErrDigest, name, sum, ours[name])
		}
		delete(theirs, name)
	}
	for name := range theirs {
		return fmt.Errorf("%w: %s came during the copy", ErrDigest, name)
	}
	return nil
}

// parseSums reads what sha256sum or openssl printed of files below the current directory.
func parseSums(text []byte) (treeSums, error) {
	sums := treeSums{}
	for line := range bytes.Lines(text) {
		digest, name, ok := strings.Cut(strings.TrimSuffix(string(line), "\n"), " ")
		if strings.HasPrefix(digest, `\`) {
			name = sumUnescape.Replace(name)
		}
		sum, err := parseSum(Result{Stdout: []byte(digest)})
		// Between the two stands how the file was read: a blank for text, a star for bytes.
		if ok = ok && (strings.HasPrefix(name, " ./") || strings.HasPrefix(name, "*./")); !ok || err != nil ||
			!bytes.HasSuffix(line, []byte("\n")) {
			return nil, fmt.Errorf("%w: %q is no line of sha256sum", ErrNoSense, line)
		}
		name = name[len(" ./"):]
		if sums[name] != "" {
			return nil, fmt.Errorf("%w: two sums of %q", ErrNoSense, name)
		}
		sums[name] = sum
	}
	return sums, nil
}
