//go:build linux

package initd

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// The directories of unit files below a root: the administrator's first.
const (
	adminUnits   = "etc/systemd/system"
	packageUnits = "usr/lib/systemd/system"
	wantsDir     = "multi-user.target.wants"
)

// unitDir is where the unit files of one system lie. It is read at every question: what a package brought or an
// administrator enabled holds at once.
type unitDir struct{ root string }

var (
	errNoUnit = errors.New("no such unit")
	errMasked = errors.New("unit is masked")
)

// find gives a unit's own name (sshd is ssh) and its file.
func (d unitDir) find(name string) (own, path string, err error) {
	name = strings.TrimSuffix(name, suffix)
	if name == "" || name != filepath.Base(name) {
		return name, "", errNoUnit
	}
	for _, dir := range []string{adminUnits, packageUnits} {
		path := filepath.Join(d.root, dir, name+suffix)
		link, err := os.Readlink(path)
		switch {
		case err == nil && link == os.DevNull:
			return name, path, errMasked
		case err == nil:
			if own := strings.TrimSuffix(filepath.Base(link), suffix); own != name {
				return d.find(own)
			}
		}
		if _, err := os.Stat(path); err == nil {
			return name, path, nil
		}
	}
	return name, "", errNoUnit
}

// load reads a unit.
func (d unitDir) load(name string) (*unit, error) {
	own, path, err := d.find(name)
	if err != nil {
		return nil, err
	}
	file, err := d.read(path)
	if err != nil {
		return nil, err
	}
	return newUnit(own, file)
}

func (d unitDir) read(path string) (*unitFile, error) {
	file, err := os.Open(path) //nolint:gosec // a unit's own file
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return parseUnitFile(srcerr.Named(path, file))
}

// names are all the services that have a file, sorted; templates ("e2scrub@") are none.
func (d unitDir) names() ([]string, error) {
	var names []string
	for _, dir := range []string{adminUnits, packageUnits} {
		entries, err := os.ReadDir(filepath.Join(d.root, dir))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, e := range entries {
			if name, ok := strings.CutSuffix(e.Name(), suffix); ok && !strings.HasSuffix(name, "@") && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// state is what "systemctl is-enabled" prints.
func (d unitDir) state(name string) (string, error) {
	own, path, err := d.find(name)
	switch {
	case errors.Is(err, errMasked):
		return "masked", nil
	case err != nil:
		return "", err
	}
	if _, err := os.Lstat(filepath.Join(d.root, adminUnits, wantsDir, own+suffix)); err == nil {
		return "enabled", nil
	}
	file, err := d.read(path) // all of the unit need not be understood here
	if err != nil {
		return "", err
	}
	if len(file.words("Install", "WantedBy")) == 0 {
		return "static", nil
	}
	return "disabled", nil
}

// enabled are the services that the boot starts.
func (d unitDir) enabled() ([]string, error) {
	names, err := d.names()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(n string) bool {
		own, _, _ := d.find(n)
		state, err := d.state(n)
		return err != nil || state != "enabled" || own != n
	}), nil
}

// enable makes the links of a unit's [Install] section, and gives what it made.
func (d unitDir) enable(name string) (made []string, err error) {
	own, path, err := d.find(name)
	if err != nil {
		return nil, err
	}
	u, err := d.load(own)
	if err != nil {
		return nil, err
	}
	target := strings.TrimPrefix(path, strings.TrimSuffix(d.root, "/"))
	var links []string
	for _, w := range u.WantedBy {
		links = append(links, filepath.Join(w+".wants", own+suffix))
	}
	for _, a := range u.Alias {
		links = append(links, a+suffix)
	}
	for _, l := range links {
		link := filepath.Join(d.root, adminUnits, l)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil { //nolint:gosec // a system's own directory
			return made, err
		}
		switch err := os.Symlink(target, link); {
		case err == nil:
			made = append(made, l)
		case !errors.Is(err, fs.ErrExist):
			return made, err
		}
	}
	return made, nil
}

// disable removes the links that start a unit at boot. Unlike systemd's it leaves the aliases: sshd stays another name of ssh.
func (d unitDir) disable(name string) (removed []string, err error) {
	own, _, err := d.find(name)
	if err != nil {
		return nil, err
	}
	links, err := filepath.Glob(filepath.Join(d.root, adminUnits, "*.wants", own+suffix))
	if err != nil {
		return nil, err
	}
	for _, link := range links {
		if err := os.Remove(link); err != nil {
			return removed, err
		}
		removed = append(removed, filepath.Join(filepath.Base(filepath.Dir(link)), own+suffix))
	}
	return removed, nil
}

// mask puts /dev/null in a unit's place, unmask takes it away.
func (d unitDir) mask(name string) error {
	link := filepath.Join(d.root, adminUnits, strings.TrimSuffix(name, suffix)+suffix)
	err := os.Symlink(os.DevNull, link)
	if errors.Is(err, fs.ErrExist) {
		if _, _, found := d.find(name); errors.Is(found, errMasked) {
			return nil
		}
	}
	return err
}

func (d unitDir) unmask(name string) error {
	if _, path, err := d.find(name); errors.Is(err, errMasked) {
		return os.Remove(path)
	}
	return nil
}

// Enable makes a service of the system below root start at boot.
func Enable(root, name string) error {
	_, err := unitDir{root}.enable(name)
	return err
}
