package pair

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/evenkeel-ha/evenkeel"
	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/steps"
	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Archive is the fresh backup of a node that is about to be erased: it is streamed to this machine, and nothing is written on the node.
type Archive struct {
	Host            string // fully qualified
	Manifest        backup.Manifest
	Name, Path, Sum evenkeel.Fact[string]
}

// Makes are the facts of the backup, as [Archive.Take] prints them.
func (a Archive) Makes() []evenkeel.Make {
	info := func(pick func(backup.Info) string) func(evenkeel.Observed) (string, error) {
		return func(o evenkeel.Observed) (string, error) {
			var i backup.Info
			if err := json.Unmarshal(o.Stdout, &i); err != nil {
				return "", err
			}
			text := pick(i)
			if text == "" {
				return "", errors.New("the backup does not say what it is")
			}
			return text, nil
		}
	}
	return []evenkeel.Make{
		a.Name.From(info(func(i backup.Info) string { return i.Name })),
		a.Path.From(info(func(i backup.Info) string { return i.Path })),
		a.Sum.From(info(func(i backup.Info) string { return i.SHA256 })),
	}
}

// Take makes the backup in a directory of this machine.
func (a Archive) Take(dir string) func(context.Context, evenkeel.Site) (sshexec.Result, error) {
	return func(ctx context.Context, at evenkeel.Site) (sshexec.Result, error) {
		made, err := backup.Create(ctx, at.Runner(at.Host), a.Manifest, backup.Options{Dir: dir, Now: func() time.Time { return at.Now }})
		if errors.Is(err, backup.ErrExists) { // a life that ended within this second has made it, and nobody knows that it is whole
			return sshexec.Result{}, evenkeel.NotYet(time.Second, "%v", err)
		}
		if err != nil {
			return sshexec.Result{}, err
		}
		made.Record = nil // the archive has it inside
		out, err := json.Marshal(made)
		return sshexec.Result{Stdout: out}, err
	}
}

// Whole is the backup's file on this machine, read again and found to be what was made.
func (a Archive) Whole(at evenkeel.Site) (string, error) {
	path, err1 := a.Path.Get(at.Facts)
	want, err2 := a.Sum.Get(at.Facts)
	if err := errors.Join(err1, err2); err != nil {
		return "", err
	}
	sum, err := steps.Digest(path)
	if err == nil && sum != want {
		err = fmt.Errorf("%s has changed since it was made: its sha256 is %s, not %s", path, sum, want)
	}
	return path, err
}

// TakePaper takes the backup by hand: with tar over SSH, in the layout of the guide. Nothing is written on the node.
func (a Archive) TakePaper() []evenkeel.Block {
	var paths []string
	for _, path := range a.Manifest.Paths {
		paths = append(paths, strings.TrimPrefix(path.Path, "/"))
	}
	short, _, _ := strings.Cut(a.Host, ".")
	name, file, sum := a.Name.Variable(), a.Path.Variable(), a.Sum.Variable()
	script := fmt.Sprintf(`umask 077 && %[1]s=bck-%[4]s-$(date +%%Y%%m%%d-%%H%%M%%S) && %[2]s=$PWD/$%[1]s.tgz &&
  ssh %[5]s "cd / && tar czf - --ignore-failed-read --transform 's,^,$%[1]s/,SH' -C / %[6]s" > "$%[2]s" &&
  ssh %[5]s cibadmin --query > "$PWD/$%[1]s.cib.xml" &&
  %[3]s=$(sha256sum < "$%[2]s" | cut -d' ' -f1) &&
	declare -p %[1]s %[2]s %[3]s`, name, file, sum, short, a.Host, strings.Join(paths, " "))
	return []evenkeel.Block{{Host: evenkeel.OperatorHost, Text: "In a directory of a machine that is not upgraded.", Script: script}}
}

// WholePaper compares the backup with its digest.
func (a Archive) WholePaper() evenkeel.Block {
	return evenkeel.Block{Host: evenkeel.OperatorHost, Script: "sha256sum < " + a.Path.Ref() + " | grep -c " + a.Sum.Ref(),
		Shows: []string{"1"}}
}

// ListPaper looks for what is restored in the backup.
func (a Archive) ListPaper() evenkeel.Block {
	var want []string
	for _, path := range a.Manifest.Paths {
		if !path.Optional && !path.IsGlob() {
			want = append(want, strings.TrimPrefix(path.Path, "/"))
		}
	}
	slices.Sort(want)
	script := "for f in " + strings.Join(want, " ") + "; do tar tzf " + a.Path.Ref() + " | grep -qE ^" +
		a.Name.Ref() + `"/$f(/|$)" && echo "$f"; done`
	return evenkeel.Block{Host: evenkeel.OperatorHost, Text: "Everything that is needed later is in it.", Script: script, Shows: want}
}
