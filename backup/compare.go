package backup

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Compare says in words how the second backup differs from the first, file by file in the order of their paths: what is
// gone, what is new, and what has another content, type, mode, owner or target of a link. No content is shown, since it may
// be a secret. Times are not compared, nor what a backup tells of itself, nor the cluster configuration, which package
// pacemaker compares by its meaning.
func Compare(old, new *Archive) []string {
	was, is := old.comparable(), new.comparable()
	var paths []string
	for path := range was {
		paths = append(paths, path)
	}
	for path := range is {
		if _, both := was[path]; !both {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	var list []string
	for _, path := range paths {
		a, inOld := was[path]
		b, inNew := is[path]
		switch {
		case !inNew:
			list = append(list, shown(path)+" is gone")
		case !inOld:
			list = append(list, shown(path)+" is new")
		default:
			if what := a.unlike(b); len(what) > 0 {
				list = append(list, shown(path)+": "+strings.Join(what, ", "))
			}
		}
	}
	return list
}

// comparable are the entries of the machine's own files, by their paths.
func (a *Archive) comparable() map[string]Entry {
	own := a.Glob(ClusterConfigPath)
	found := map[string]Entry{}
	for _, e := range a.entries {
		if strings.Contains(strings.TrimPrefix(e.Path, "/"), "/") || e.Mode.IsDir() {
			if !slices.Contains(own, e.Path) {
				found[e.Path] = e
			}
		}
	}
	return found
}

// unlike says how another entry of the same path differs.
func (e Entry) unlike(is Entry) (what []string) {
	differ := func(differs bool, format string, args ...any) {
		if differs {
			what = append(what, fmt.Sprintf(format, args...))
		}
	}
	if e.Mode.Type() != is.Mode.Type() {
		return []string{fmt.Sprintf("it was %s, is now %s", typed(e.Mode), typed(is.Mode))}
	}
	differ(e.SHA256 != is.SHA256, "its content is another (%d bytes, now %d)", e.Size, is.Size)
	differ(e.Target != is.Target, "it links to another file")
	differ(e.Mode.Perm() != is.Mode.Perm(), "mode %04o, now %04o", e.Mode.Perm(), is.Mode.Perm())
	differ(e.UID != is.UID || e.GID != is.GID, "owner %d:%d, now %d:%d", e.UID, e.GID, is.UID, is.GID)
	return what
}

func typed(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a directory"
	case m&fs.ModeSymlink != 0:
		return "a symbolic link"
	case m.IsRegular():
		return "a file"
	}
	return "something else"
}
