//go:build linux

package image

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrUnavailable says that this machine cannot make an image.
var ErrUnavailable = errors.New("no image can be made here")

// edition changes with what Build does to the tree besides the packages.
const edition = "5"

// packages are what a node has: the cluster's software, and what a minbase tree lacks.
var packages = []string{
	"corosync", "pacemaker", "pacemaker-cli-utils", "pcs", "resource-agents",
	"openssh-server", "busybox", "iproute2", "procps", "psmisc", "iputils-ping",
}

// recipe is what an image is made of.
type recipe struct {
	Suite   string   // Debian's code name, such as "bookworm"
	Mirror  string   // such as "http://deb.debian.org/debian"
	Sources []source // the machine's own package sources, so that security updates are in
}

type source struct {
	name string // file name below /etc/apt
	text []byte
}

// readRecipe takes the machine's own Debian release and package sources.
func readRecipe(root string) (recipe, error) {
	osRelease, err := os.ReadFile(filepath.Join(root, "etc/os-release")) //nolint:gosec // the machine's own, or a test's
	if err != nil {
		return recipe{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	vars := shellVars(osRelease)
	if vars["ID"] != "debian" || vars["VERSION_CODENAME"] == "" {
		return recipe{}, fmt.Errorf("%w: this is %q, not a released Debian", ErrUnavailable, vars["ID"])
	}
	r := recipe{Suite: vars["VERSION_CODENAME"]}
	for _, name := range []string{"sources.list.d/debian.sources", "sources.list"} {
		text, err := os.ReadFile(filepath.Join(root, "etc/apt", name)) //nolint:gosec // as above
		if err != nil || mirror(text) == "" {
			continue
		}
		r.Sources = append(r.Sources, source{name, text})
		if r.Mirror == "" {
			r.Mirror = mirror(text)
		}
	}
	if r.Mirror == "" {
		return recipe{}, fmt.Errorf("%w: no package source in /etc/apt/sources.list or sources.list.d/debian.sources", ErrUnavailable)
	}
	return r, nil
}

// digest names the image that the recipe makes.
func (r recipe) digest() string {
	h := sha256.New() // takes all
	_, _ = fmt.Fprintln(h, edition, runtime.GOARCH, r.Suite, r.Mirror, packages)
	for _, s := range r.Sources {
		_, _ = fmt.Fprintf(h, "%s %q\n", s.name, s.text)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// shellVars reads NAME=value and NAME="value" lines, as in os-release(5).
func shellVars(text []byte) map[string]string {
	vars := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), "="); ok {
			vars[name] = strings.Trim(value, `"'`)
		}
	}
	return vars
}

// mirror is the first archive in a file of package sources, in the one-line format or in deb822; empty when there is none.
func mirror(text []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) >= 2 && strings.EqualFold(words[0], "URIs:"):
			return words[1]
		case len(words) >= 3 && words[0] == "deb":
			for _, w := range words[1:] {
				if strings.Contains(w, "://") {
					return w
				}
			}
		}
	}
	return ""
}
