package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/sshexec"
)

// Item is something that a migration of the Cisco Policy Suite has to have in safety before a machine is destroyed.
// What migrate.sh makes is fetched with Item.Fetch; what no program can see is attested by the operator.
type Item struct {
	Name     string // for people: "Cluster Manager archive"
	On       string // the machine that has it
	Pattern  string // where it lies there; empty for what is attested
	MadeBy   string // the command that makes it
	NeededBy string // what cannot be done without it
	Attest   string // what the operator confirms; empty for what is fetched
	Ref      string // the place in the guide
}

// CPSItems are the backups of a migration of CPS, in the order in which they come into being (cps:260-495, cps:692,
// cps:1037, cps:1606-1615).
func CPSItems() []Item {
	const dir = "/var/tmp/"
	return []Item{
		{
			Name: "snapshot or clone of the Cluster Manager", On: "the hypervisor",
			Attest:   "a snapshot or clone of the old Cluster Manager exists, and its name is noted",
			NeededBy: "the rollback (cps:1819)", Ref: "cps:260",
		},
		{
			Name: "Cluster Manager archive", On: "Cluster Manager", Pattern: dir + "migrate_cluman_*.tar.gz",
			MadeBy:   "/mnt/iso/migrate.sh backup cluman",
			NeededBy: "migrate.sh restore cluman on the new Cluster Manager", Ref: "cps:439",
		},
		{
			Name: "archive of set 1", On: "Cluster Manager", Pattern: dir + "migrate_set-1_*.tar.gz", MadeBy: "/mnt/iso/migrate.sh disable set 1",
			NeededBy: "migrate.sh enable set 1, and the rollback (cps:1915)", Ref: "cps:692",
		},
		{
			Name: "archive of set 2", On: "Cluster Manager", Pattern: dir + "migrate_set-2_*.tar.gz", MadeBy: "/mnt/iso/migrate.sh disable set 2",
			NeededBy: "migrate.sh enable set 2", Ref: "cps:1037",
		},
		{
			Name: "archive of the third-site arbiter", On: "arbiter", Pattern: dir + "migrate_arbiter_*.tar.gz",
			MadeBy:   "/mnt/iso/migrate.sh backup arbiter",
			NeededBy: "the restore of the new arbiter", Ref: "cps:1606",
		},
	}
}

// CPSCustomManifest is the manifest of what is kept beside migrate.sh's archives: the files that a site has changed by
// hand, which have to be changed again after the migration (cps:261, cps:437, cps:495), and the old logback.xml files,
// to be merged by hand (cps:407). Every custom path must be there.
func CPSCustomManifest(custom ...string) Manifest {
	m := Manifest{Name: "cps-custom", Paths: []Path{{Path: "/var/tmp/logback_backup", Optional: true}}}
	for _, p := range custom {
		m.Paths = append(m.Paths, Path{Path: p})
	}
	return m
}

// ErrNoItem says that a machine does not have what was to be fetched.
var ErrNoItem = errors.New("there is no such file")

// Fetch takes the newest of an item's archives off the machine behind r into dir, proves the copy as Fetch does, and
// reads it to its end: an archive that is damaged where it lies is worth nothing as a copy. host is the machine's name.
// One that was fetched before is read again instead.
func (i Item) Fetch(ctx context.Context, r sshexec.Runner, host, dir string) (*Copy, *Archive, error) {
	c, a, err := i.fetch(ctx, r, host, dir)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot take the %s off %s: %w", i.Name, host, err)
	}
	return c, a, nil
}

func (i Item) fetch(ctx context.Context, r sshexec.Runner, host, dir string) (*Copy, *Archive, error) {
	if i.Pattern == "" {
		return nil, nil, fmt.Errorf("the operator confirms it: %s", i.Attest)
	}
	found, err := gnuTar{far: far{runner: r, root: "/"}}.find(ctx, []Path{{Path: i.Pattern}})
	if err != nil {
		return nil, nil, err
	}
	if len(found[0]) == 0 {
		return nil, nil, fmt.Errorf("%w: %s; %s makes it", ErrNoItem, i.Pattern, i.MadeBy)
	}
	newest := slices.Max(found[0]) // the names end in date and time
	c, err := Fetch(ctx, r, newest, dir)
	if errors.Is(err, ErrExists) {
		c, err = again(ctx, r, newest, dir)
	}
	if err != nil {
		return nil, nil, err
	}
	name := strings.TrimSuffix(path.Base(newest), ".tar.gz")
	a, err := OpenFile(c.Path, AnyLayout(name, host), AllowLinksOut())
	return c, a, err
}

// again compares a copy that is there with the machine's file.
func again(ctx context.Context, r sshexec.Runner, remote, dir string) (*Copy, error) {
	c := &Copy{Path: path.Join(dir, path.Base(remote))}
	there, err := farDigest(ctx, r, remote)
	if err != nil {
		return nil, err
	}
	if c.SHA256, c.Size, err = localDigest(c.Path); err != nil {
		return nil, err
	}
	if c.SHA256 != there {
		return nil, fmt.Errorf("%s: %w, and is another file", c.Path, ErrExists)
	}
	_, err = os.Lstat(c.Path)
	return c, err
}
