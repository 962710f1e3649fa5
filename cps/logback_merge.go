package cps

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// LogbackBackup is where the old logback files lie on the new Cluster Manager (cps:407).
const LogbackBackup = "/var/tmp/logback_backup"

// LogbackFiles are the files that a migration overwrites with those of the new release (cps:399-404).
func LogbackFiles() []string {
	return []string{
		"/etc/broadhop/logback-debug.xml", "/etc/broadhop/logback-netcut.xml", "/etc/broadhop/logback-pb.xml",
		"/etc/broadhop/logback.xml", "/etc/broadhop/controlcenter/logback.xml",
	}
}

// LogbackChange is an entry in which an old logback.xml and the new one differ: what to merge by hand (cps:397).
type LogbackChange struct {
	Kind, Name string // as of a LogbackEntry
	Old, New   int    // its lines; 0 where it is missing
	What       string // how they differ
}

func (c LogbackChange) String() string {
	return strings.TrimSpace(c.Kind+" "+c.Name) + ": " + c.What
}

// LogbackChanges compares an old file with the new one, entry by entry; comments, blanks and the order of attributes
// do not count. Which of the differences somebody made on purpose, and which came with the release, the files do not say.
func LogbackChanges(old, latest *Logback) []LogbackChange {
	type key struct {
		kind, name string
		nth        int
	}
	index := func(l *Logback) (keys []key, at map[key]LogbackEntry) {
		at = map[key]LogbackEntry{}
		times := map[key]int{}
		for _, e := range l.Entries {
			k := key{e.Kind, e.Name, 0}
			times[k]++
			k.nth = times[k]
			keys, at[k] = append(keys, k), e
		}
		return keys, at
	}
	oldKeys, was := index(old)
	newKeys, is := index(latest)
	var changes []LogbackChange
	for _, k := range oldKeys {
		o, n := was[k], is[k]
		switch _, there := is[k]; {
		case !there:
			changes = append(changes, LogbackChange{k.kind, k.name, o.Line, 0, "only in the old file"})
		case o.shape != n.shape && o.simple && n.simple:
			changes = append(changes, LogbackChange{k.kind, k.name, o.Line, n.Line, fmt.Sprintf("level %s in the old file, %s in the new one",
				o.Level, n.Level)})
		case o.shape != n.shape:
			changes = append(changes, LogbackChange{k.kind, k.name, o.Line, n.Line, "not the same in the old file and in the new one"})
		}
	}
	for _, k := range newKeys {
		if _, there := was[k]; !there {
			changes = append(changes, LogbackChange{k.kind, k.name, 0, is[k].Line, "only in the new file"})
		}
	}
	// The order of loggers does not matter; a property or an include must stand before its use.
	ordered := func(keys []key) []key {
		return slices.DeleteFunc(slices.Clone(keys), func(k key) bool { return k.kind == "logger" || k.kind == "root" })
	}
	if len(changes) == 0 && !slices.Equal(ordered(oldKeys), ordered(newKeys)) {
		changes = append(changes, LogbackChange{"configuration", "", 1, 1, "the entries stand in another order"})
	}
	return changes
}

// ReviewLogback compares the five files that a migration overwrites with their saved copies: saved holds what lies in LogbackBackup,
// or what migrate_cluman_*.tar.gz was unpacked to; current is the root directory of the new Cluster Manager, or a copy of it
// (cps:397-407). A saved copy may stand under its whole path or under its path below /etc/broadhop. A difference is a Warning, a copy
// that is missing or a file that cannot be read an Error.
func ReviewLogback(saved, current fs.FS) []Finding {
	var f findings
	for _, name := range LogbackFiles() {
		whole := strings.TrimPrefix(name, "/")
		old, err := readLogback(saved, whole, strings.TrimPrefix(whole, "etc/broadhop/"))
		if err != nil {
			f.add(Error, 0, "CPS-016", "the saved copy of %s cannot be compared: %v", name, err)
			continue
		}
		latest, err := readLogback(current, whole)
		if err != nil {
			f.add(Error, 0, "CPS-015", "%s cannot be compared with its saved copy: %v", name, err)
			continue
		}
		for _, c := range LogbackChanges(old, latest) {
			if c.Name == UpgradeLogger && c.New == 0 {
				continue // it was there for the migration alone (cps:299)
			}
			line := c.New
			if line == 0 {
				line = c.Old
			}
			f.file = map[bool]string{true: old.File + " (saved)", false: name}[c.New == 0]
			f.add(Warning, line, "CPS-163", "%s: merge it by hand where it was changed on purpose", c)
		}
		f.file = ""
	}
	return f.list
}

// readLogback reads the first of these files that is there.
func readLogback(fsys fs.FS, names ...string) (*Logback, error) {
	for _, name := range names {
		if _, err := fs.Stat(fsys, name); errors.Is(err, fs.ErrNotExist) && name != names[len(names)-1] {
			continue
		}
		return readFS(fsys, name, ParseLogback)
	}
	return nil, fs.ErrNotExist
}

// readFS reads a regular file of a file system.
func readFS[T any](fsys fs.FS, name string, parse func(io.Reader) (T, error)) (T, error) {
	var none T
	info, err := fs.Stat(fsys, name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		return none, err
	}
	file, err := fsys.Open(name)
	if err != nil {
		return none, err
	}
	defer func() { _ = file.Close() }()
	return parse(srcerr.Named(path.Clean(name), file))
}
