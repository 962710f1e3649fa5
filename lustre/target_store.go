package lustre

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// TargetStoreDir is where IML keeps a file for each target of a server.
const TargetStoreDir = "/var/lib/chroma/targets"

// Store is a target store: the targets that a server can mount, by UUID.
type Store map[string]*Target

// ErrNoTargets says that a target store holds no target at all: whatever is asked for, the wrong place was read.
var ErrNoTargets = errors.New("the target store holds no target")

// ParseStore reads the files of a target store, given by file name. The directory names them in errors. Every file that
// is not a target is an error, all at once; so is an empty store.
func ParseStore(dir string, files map[string][]byte) (Store, error) {
	store := Store{}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		label := path.Join(dir, name)
		uuid, err := TargetUUID(name)
		if err != nil {
			errs = append(errs, &ParseError{File: label, Err: err})
			continue
		}
		t, err := ParseTarget(srcerr.Named(label, bytes.NewReader(files[name])))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		store[uuid] = t
	}
	if len(files) == 0 {
		errs = append(errs, ErrNoTargets)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return store, nil
}

// StoreOf reads the target store in a server's backup.
func StoreOf(a *backup.Archive) (Store, error) {
	if a == nil {
		return nil, errors.New("the target store is read from an open archive, and there is none")
	}
	files := map[string][]byte{}
	for _, name := range a.Glob(TargetStoreDir + "/*") {
		data, err := a.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files[path.Base(name)] = data
	}
	store, err := ParseStore(a.Name()+TargetStoreDir, files)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", a.Name(), err)
	}
	return store, nil
}

// UUIDs are the targets' UUIDs, sorted.
func (s Store) UUIDs() []string { return slices.Sorted(maps.Keys(s)) }

// MountPoints are the directories that must exist before the targets can be mounted (lustre:1098), sorted.
func (s Store) MountPoints() []string {
	var points []string
	for _, t := range s {
		points = append(points, t.MountPoint)
	}
	slices.Sort(points)
	return slices.Compact(points)
}

// FindingKind is what an audit found, as a word to branch on.
type FindingKind string

// What an audit finds.
const (
	NotInStore       FindingKind = "not-in-store"      // a resource has no file: its target cannot be mounted on this server
	NotInCluster     FindingKind = "not-in-cluster"    // a file has no resource: nothing will start it
	SharedTarget     FindingKind = "shared-target"     // two resources stand for one target: it could be mounted twice
	SharedMount      FindingKind = "shared-mount"      // two targets have one mount point
	SharedDevice     FindingKind = "shared-device"     // two targets have one device
	OtherName        FindingKind = "other-name"        // a resource is called after another target
	NoDataSet        FindingKind = "no-data-set"       // a ZFS target with a pool and no name: what to mount is not known
	MountedUnknown   FindingKind = "mounted-unknown"   // something of Lustre is mounted that the store does not know
	MountedOtherwise FindingKind = "mounted-otherwise" // a target's mount point has another device
)

// Finding is one way in which cluster, target store and mounts disagree.
type Finding struct {
	Kind     FindingKind
	Resource string // the id in the cluster, where one is concerned
	UUID     string // the target, where one is concerned
	Text     string // one sentence
}

func (f Finding) String() string { return f.Text }

// Audit compares a server's target store with the cluster and with what is mounted on the server. resources gives, for
// the id of each target resource of the cluster, the UUID that is its parameter "target". mounts may be nil. The
// findings are sorted; there are none when all agree.
func Audit(store Store, resources map[string]string, mounts Mounts) []Finding {
	a := auditor{store: store, resources: resources}
	if len(store) == 0 && len(resources) == 0 && len(mounts) == 0 { // nothing agrees with nothing
		a.say(NotInCluster, "", "", "there is nothing to compare: no target store, no resource and no mount was given")
	}
	a.cluster()
	a.files()
	a.mounts(mounts)
	slices.SortStableFunc(a.found, func(x, y Finding) int {
		return strings.Compare(string(x.Kind)+"\x00"+x.Text, string(y.Kind)+"\x00"+y.Text)
	})
	return a.found
}

type auditor struct {
	store     Store
	resources map[string]string
	found     []Finding
}

func (a *auditor) say(kind FindingKind, resource, uuid, format string, args ...any) {
	a.found = append(a.found, Finding{Kind: kind, Resource: resource, UUID: uuid, Text: fmt.Sprintf(format, args...)})
}

// cluster looks at every resource.
func (a *auditor) cluster() {
	owner := map[string]string{}
	for _, id := range slices.Sorted(maps.Keys(a.resources)) {
		uuid := a.resources[id]
		if other, ok := owner[uuid]; ok {
			a.say(SharedTarget, id, uuid, "resources %s and %s both stand for target %s: it could be mounted twice", other, id, uuid)
		}
		owner[uuid] = id
		t, ok := a.store[uuid]
		if !ok {
			a.say(NotInStore, id, uuid, "resource %s is target %s, and the target store has no file %s for it", id, uuid, TargetFileName(uuid))
			continue
		}
		if label, err := ResourceLabel(id); err == nil && t.Label() != "" && t.Label() != label.String() {
			a.say(OtherName, id, uuid, "resource %s is called after %s, and its target %s is %s", id, label, uuid, t.Label())
		}
	}
	for _, uuid := range a.store.UUIDs() {
		if _, ok := owner[uuid]; !ok {
			t := a.store[uuid]
			a.say(NotInCluster, "", uuid, "target %s, to be mounted on %s, has no resource in the cluster", uuid, t.MountPoint)
		}
	}
}

// files looks for targets that would get in each other's way.
func (a *auditor) files() {
	points, devices := map[string]string{}, map[string]string{}
	for _, uuid := range a.store.UUIDs() {
		t := a.store[uuid]
		point := path.Clean(t.MountPoint)
		if other, ok := points[point]; ok {
			a.say(SharedMount, "", uuid, "targets %s and %s both have the mount point %s", other, uuid, point)
		}
		points[point] = uuid
		source := t.Source()
		if source == "" {
			a.say(NoDataSet, "", uuid, "target %s is in the ZFS pool %s, and its file does not tell in which data set", uuid, t.Device)
			continue
		}
		if other, ok := devices[source]; ok {
			a.say(SharedDevice, "", uuid, "targets %s and %s both have the device %s", other, uuid, source)
		}
		devices[source] = uuid
	}
}

// mounts looks at what is mounted. Device names of one disk differ (/dev/sdb, /dev/disk/by-id/…), so a device is
// compared only where both are data sets.
func (a *auditor) mounts(mounts Mounts) {
	byPoint := map[string]*Target{}
	for _, uuid := range a.store.UUIDs() {
		t := a.store[uuid]
		if point := path.Clean(t.MountPoint); byPoint[point] == nil { // the mount table has no slash at the end
			byPoint[point] = t
		}
	}
	for _, m := range mounts.Lustre() {
		t, ok := byPoint[m.MountPoint]
		if !ok {
			a.say(MountedUnknown, "", "", "%s is mounted on %s, which is no target's mount point", m.Device, m.MountPoint)
			continue
		}
		_, dataset, zfs := t.ZFS()
		label, named := m.Options["svname"], t.Label()
		if zfs && dataset != "" && m.Device != dataset {
			a.say(MountedOtherwise, "", "", "%s is mounted on %s, where %s belongs", m.Device, m.MountPoint, dataset)
		} else if label != "" && named != "" && label != named {
			a.say(MountedOtherwise, "", "", "%s is mounted on %s, where %s belongs", label, m.MountPoint, named)
		}
	}
}
