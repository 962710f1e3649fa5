package upgrade_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// rewrite gives an archive other contents: edit gets each file's name below the tree and what is in it, and returns
// what is to be in it; nil takes the file out. The tool's own record of digests is left out, as in an archive made by
// the guide's script.
func rewrite(t *testing.T, archive string, edit func(name string, data []byte) []byte) {
	t.Helper()
	raw, err := os.ReadFile(archive)
	require.NoError(t, err)
	unzip, err := gzip.NewReader(bytes.NewReader(raw))
	require.NoError(t, err)
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	w := tar.NewWriter(zip)
	for r := tar.NewReader(unzip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		_, name, _ := strings.Cut(h.Name, "/")
		if strings.Contains(filepath.Base(name), "evenkeel") || strings.Contains(filepath.Base(name), "manifest") {
			continue
		}
		if h.Typeflag == tar.TypeReg {
			if data = edit("/"+name, data); data == nil {
				continue
			}
			h.Size = int64(len(data))
		}
		require.NoError(t, w.WriteHeader(h))
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, zip.Close())
	require.NoError(t, os.WriteFile(archive, out.Bytes(), 0o600))
}

// H24, BAK-026, LUS-003, PCM-001, PCM-010: whatever is wrong with the inputs is found before a machine is touched, and
// named with its place.
func TestInputsThatCannotBePlannedFrom(t *testing.T) {
	w := lustretest.NewPair(lustretest.Options{})
	base := backedUp(t, w)
	const (
		cib  = "cluster-cfg-"
		conf = "/etc/corosync/corosync.conf"
		mgs  = "OWFhZjNkOWQ" // the beginning of the file name of the MGS
	)
	drop := func(part string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if strings.Contains(name, part) {
				return nil
			}
			return data
		}
	}
	replace := func(part, old, text string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if !strings.Contains(name, part) {
				return data
			}
			require.Contains(t, string(data), old)
			return bytes.ReplaceAll(data, []byte(old), []byte(text))
		}
	}
	once := func(part, old, text string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if strings.Contains(name, part) {
				return bytes.Replace(data, []byte(old), []byte(text), 1)
			}
			return data
		}
	}
	half := func(part string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if strings.Contains(name, part) {
				return data[:len(data)/2]
			}
			return data
		}
	}
	const primitive = `<primitive class="stonith" id="st-fencing" type="fence_chroma"/>`
	noTargets := replace(cib, `provider="chroma" type="Target"`, `provider="heartbeat" type="Dummy"`)
	oneTarget := replace(cib, "ea0ec37d-288e-48e2-8f11-922980e5cf37", "9aaf3d9d-df51-48d5-9da1-49d57dee12c0")
	const started = `name="target-role" value="Started"/>`
	otherAgent := replace(cib, `provider="chroma" type="Target"`, `provider="lustre" type="Lustre"`)
	tests := map[string]struct {
		one, two func(string, []byte) []byte // what is done to each backup
		mend     func(*upgrade.Config)
		want     []string
		place    bool // the error has file, line and column
		is       error
	}{
		"no CIB":              {one: drop(cib), want: []string{"cluster-cfg-", "lustre:948"}},
		"the CIB cut in half": {one: half(cib), want: []string{"cluster-cfg-ct6-mds1.xml:"}, place: true},
		"a brace is not closed": {one: replace(conf, "amf {\n\tmode: disabled\n}", "amf {\n\tmode: disabled\n"),
			want: []string{"corosync.conf:"}, place: true},
		"a target without mntpt":     {one: replace(mgs, `"mntpt"`, `"mount"`), want: []string{mgs, "mntpt"}, place: true},
		"a target that is no JSON":   {two: replace(mgs, "{", ""), want: []string{mgs, "ct6-mds2"}, place: true},
		"a target missing on node 1": {one: drop(mgs), want: []string{"MGS_32834e", "target store"}},
		"a target missing on node 2": {two: drop(mgs), want: []string{"ct6-mds2", "MGS_32834e"}},
		"another mount on node 2":    {two: replace(mgs, "/mnt/MGS", "/mnt/MGT"), want: []string{"MGS_32834e", "/mnt/MGT"}},
		"an empty target store":      {one: drop("/var/lib/chroma/targets/"), want: []string{"/var/lib/chroma/targets"}},
		"backups exchanged": {mend: func(c *upgrade.Config) {
			c.Node1.Backup, c.Node2.Backup = c.Node2.Backup,
				c.Node1.Backup
		}, want: []string{"is a backup of ct6-mds2"}},
		"backups of two clusters": {two: replace(cib, "1000", "100"), want: []string{"do not show the same cluster"}},
		"other rings on node 2":   {two: replace(conf, "226.94.1.1", "226.94.1.2"), want: []string{"same rings"}},
		"a corosync.conf for no release": {one: replace(conf, "rrp_mode: active", "rrp_mode: both"),
			want: []string{"no release of corosync", "corosync.conf:12:2: unknown mode"}},
		"a group": {one: replace(cib, primitive, primitive+
			`<group id="g"><primitive class="ocf" provider="heartbeat" id="d" type="Dummy"/></group>`),
			want: []string{"g is not a plain primitive"}, is: pacemaker.ErrUnsupported},
		"a clone": {one: replace(cib, primitive, primitive+
			`<clone id="c"><primitive class="ocf" provider="heartbeat" id="d" type="Dummy"/></clone>`),
			want: []string{"c is not a plain primitive"}, is: pacemaker.ErrUnsupported},
		"an unknown node preferred": {one: replace(cib, `node="ct6-mds1" rsc="MGS_32834e"`,
			`node="ct6-mds9" rsc="MGS_32834e"`), want: []string{"ct6-mds9"}, is: pacemaker.ErrUnsupported},
		"another cluster's node": {one: replace(cib, `uname="ct6-mds2"`, `uname="ct6-oss2"`), want: []string{"no node ct6-mds2"}},
		"in maintenance": {one: replace(cib, `name="no-quorum-policy" value="ignore"`,
			`name="maintenance-mode" value="true"`), want: []string{"maintenance-mode is true"}},
		"told to stop everything": {one: replace(cib, `name="no-quorum-policy" value="ignore"`,
			`name="stop-all-resources" value="yes"`), want: []string{"stop-all-resources is yes"}},
		"an unmanaged target": {one: once(cib, started, started+`<nvpair id="x" name="is-managed" value="false"/>`),
			want: []string{"target MGS_32834e is unmanaged (is-managed=false)"}},
		"a target in maintenance": {one: once(cib, started, started+`<nvpair id="x" name="maintenance" value="on"/>`),
			want: []string{"target MGS_32834e is unmanaged (maintenance=on)"}},
		"all unmanaged by default": {one: replace(cib, `name="migration-threshold" value="3"`,
			`name="is-managed" value="no"`),
			want: []string{"MGS_32834e is unmanaged (is-managed=no in the defaults", "demo-MDT0000_802c1b is unmanaged"}},
		"a node in standby": {one: replace(cib, `name="0_fence_login" value="root"`, `name="standby" value="on"`),
			want: []string{"node ct6-mds1 is in standby", "node ct6-mds2 is in standby"}},
		"all disabled": {one: replace(cib, `value="Started"`, `value="Stopped"`),
			two: replace(cib, `value="Started"`, `value="Stopped"`), want: []string{"every target is disabled"}},
		"targets of IML 5": {one: otherAgent,
			want: []string{"cluster-cfg-ct6-mds1.xml:40:7: MGS_32834e has the mountpoint \"\""}, place: true},
		"a mount of two words": {one: replace(mgs, "/mnt/MGS", "/mnt/M GS"), two: replace(mgs, "/mnt/MGS", "/mnt/M GS"),
			want: []string{`"/mnt/M GS"`}},
		"no target at all":          {one: noTargets, two: noTargets, want: []string{"no target of ocf:chroma:Target or ocf:lustre:Lustre"}},
		"two resources, one target": {one: oneTarget, two: oneTarget, want: []string{"mounted twice"}},
		"no archive":                {mend: func(c *upgrade.Config) { c.Node1.Backup += ".gone" }, want: []string{".gone"}, is: os.ErrNotExist},
		"short names":               {mend: func(c *upgrade.Config) { c.Node1.Name = "ct6-mds1" }, want: []string{"not a fully qualified name"}},
		"one machine":               {mend: func(c *upgrade.Config) { c.Node2 = c.Node1 }, want: []string{"the same machine"}},
		"several mistakes": {mend: func(c *upgrade.Config) { c.Manager, c.Node1.Backup, c.Node2.Backup = "", "gone.tgz", "lost.tgz" },
			want: []string{"manager's name", "gone.tgz", "lost.tgz"}},
		"nothing configured": {mend: func(c *upgrade.Config) { *c = upgrade.Config{} },
			want: []string{"no password", "manager's name", "no backup"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg, dir := base, t.TempDir()
			for i, s := range []*upgrade.Server{&cfg.Node1, &cfg.Node2} {
				data, err := os.ReadFile(s.Backup)
				require.NoError(t, err)
				s.Backup = filepath.Join(dir, filepath.Base(s.Backup))
				require.NoError(t, os.WriteFile(s.Backup, data, 0o600))
				if edit := []func(string, []byte) []byte{tt.one, tt.two}[i]; edit != nil {
					rewrite(t, s.Backup, edit)
				}
			}
			if tt.mend != nil {
				tt.mend(&cfg)
			}
			_, err := upgrade.Load(cfg)
			require.Error(t, err)
			for _, want := range tt.want {
				require.ErrorContains(t, err, want)
			}
			if tt.is != nil {
				require.ErrorIs(t, err, tt.is)
			}
			if tt.place {
				var at *lustre.ParseError
				require.ErrorAs(t, err, &at)
				require.Positive(t, at.Line)
				require.Contains(t, at.File, ".tgz!")
			}
		})
	}
}

// H23, PCM-018: what is not carried over is told.
func TestWhatIsDroppedIsTold(t *testing.T) {
	s := newScene(t, lustretest.Options{}, nil)
	for _, want := range []string{"cluster-infrastructure", "expected-quorum-votes", "rrp_mode: active"} {
		require.Contains(t, strings.Join(s.book.Dropped, "\n"), want)
	}
	require.Equal(t, lustretest.Node1, s.pair.Names.New("ct6-mds1"))
}

// The guide's token is longer than IML's; a cluster that waits longer still keeps its own.
func TestALongerTokenIsKept(t *testing.T) {
	cfg := backedUp(t, lustretest.NewPair(lustretest.Options{}))
	for token, want := range map[string]string{"5000": "--token 17000", "30000": "--token 30000"} {
		for _, s := range []upgrade.Server{cfg.Node1, cfg.Node2} {
			rewrite(t, s.Backup, func(name string, data []byte) []byte {
				if name == "/etc/corosync/corosync.conf" {
					data = regexp.MustCompile(`token: \d+`).ReplaceAll(data, []byte("token: "+token))
				}
				return data
			})
		}
		pair, err := upgrade.Load(cfg)
		require.NoError(t, err)
		require.Contains(t, pair.Plan.Setup[1].String(), want)
	}
}

// zfsSite is a pair with other files in its store: each resource in the CIB gets the UUID or guid of its file.
func zfsSite(files map[string]string, edit ...string) *lustretest.Site {
	site := lustretest.GuideSite(pcs.V09)
	site.Targets = map[string]string{}
	for uuid, text := range files {
		site.Targets[lustre.TargetFileName(uuid)] = text
	}
	site.CIB = strings.NewReplacer(append([]string{
		"9aaf3d9d-df51-48d5-9da1-49d57dee12c0", "3033967174940287451", "ea0ec37d-288e-48e2-8f11-922980e5cf37",
		"EA0EC37D-288E-48E2-8F11-922980E5CF37",
	}, edit...)...).Replace(site.CIB)
	return site
}

// H24: IML calls a ZFS target by its guid; targets of ZFS and ldiskfs stand side by side, whatever release wrote their files.
func TestZFSTargets(t *testing.T) {
	const mdt = "EA0EC37D-288E-48E2-8F11-922980E5CF37"
	site := zfsSite(map[string]string{
		"3033967174940287451": `{"device_type": "zfs", "bdev": "mgspool/MGS", "backfstype": "zfs", "mntpt": "/mnt/MGS/", "new": {"a": [1, null]}}`,
		mdt:                   `{"bdev": "mdtpool", "backfstype": "zfs", "mntpt": "/mnt/demo-MDT0000", "target_name": "demo-MDT0000"}`,
	})
	s := newScene(t, lustretest.Options{Site: site}, nil)
	require.Equal(t, []string{"3033967174940287451 mgspool /mnt/MGS", mdt + " mdtpool /mnt/demo-MDT0000"}, []string{
		strings.Join([]string{s.pair.Targets[0].UUID, s.pair.Targets[0].Pool, s.pair.Targets[0].Mount}, " "),
		strings.Join([]string{s.pair.Targets[1].UUID, s.pair.Targets[1].Pool, s.pair.Targets[1].Mount}, " "),
	})
	require.NoError(t, s.play(t).run(), "the whole upgrade, simulated")
}

// Only one node can have a pool imported.
func TestTargetsInOnePool(t *testing.T) {
	const mdt = "EA0EC37D-288E-48E2-8F11-922980E5CF37"
	files := map[string]string{
		"3033967174940287451": `{"device_type": "zfs", "bdev": "pool/MGS", "backfstype": "zfs", "mntpt": "/mnt/MGS"}`,
		mdt:                   `{"device_type": "zfs", "bdev": "pool/mdt0", "backfstype": "zfs", "mntpt": "/mnt/demo-MDT0000"}`,
	}
	_, err := upgrade.Load(backedUp(t, lustretest.NewPair(lustretest.Options{Site: zfsSite(files)})))
	require.ErrorContains(t, err, "targets MGS_32834e and demo-MDT0000_802c1b are in the ZFS pool pool, which only one node can have imported")
	pair, err := upgrade.Load(backedUp(t, lustretest.NewPair(lustretest.Options{Site: zfsSite(files,
		`node="ct6-mds2" rsc="demo-MDT0000_802c1b" score="20"`, `node="ct6-mds1" rsc="demo-MDT0000_802c1b" score="20"`,
		`node="ct6-mds1" rsc="demo-MDT0000_802c1b" score="10"`, `node="ct6-mds2" rsc="demo-MDT0000_802c1b" score="10"`)})))
	require.NoError(t, err)
	require.Contains(t, strings.Join(pair.Notes, "\n"), "they must always be on one node")
}

// A disabled target is told of, and one that is left is planned for.
func TestADisabledTargetIsTold(t *testing.T) {
	site := lustretest.GuideSite(pcs.V09)
	site.CIB = strings.Replace(site.CIB, `name="target-role" value="Started"`, `name="target-role" value="Stopped"`, 1)
	s := newScene(t, lustretest.Options{Site: site}, nil)
	require.Contains(t, strings.Join(s.pair.Notes, "\n"),
		"target MGS_32834e is disabled (target-role=Stopped): it is not moved, and stays disabled")
	require.True(t, s.pair.Targets[0].Disabled)
	require.NoError(t, s.play(t).run())
}

// What inspect finds in the cluster and does not stop a plan is in the plan.
func TestWhatIsLeftOverIsTold(t *testing.T) {
	site := lustretest.GuideSite(pcs.V09)
	site.CIB = strings.NewReplacer(`name="stonith-enabled" value="true"`, `name="stonith-enabled" value="false"`, "</constraints>",
		`<rsc_location id="cli-ban-MGS_32834e-on-ct6-mds1" rsc="MGS_32834e" node="ct6-mds1" score="-INFINITY"/></constraints>`).Replace(site.CIB)
	pair, err := upgrade.Load(backedUp(t, lustretest.NewPair(lustretest.Options{Site: site})))
	require.NoError(t, err)
	require.Subset(t, pair.Notes, []string{"stonith-enabled is false: nothing protects the resources from a node that hangs",
		"constraint cli-ban-MGS_32834e-on-ct6-mds1 is left over from a move by hand"})
}

// IML's corosync.conf of EL7 has two rings, and one address a node: that is not one ring.
func TestRingsBesideANodeList(t *testing.T) {
	cfg := backedUp(t, lustretest.NewPair(lustretest.Options{}))
	for _, s := range []upgrade.Server{cfg.Node1, cfg.Node2} {
		rewrite(t, s.Backup, func(name string, data []byte) []byte {
			if name == "/etc/corosync/corosync.conf" {
				data = append(data, "\nnodelist {\n node {\n ring0_addr: ct6-mds1.lfs.intl\n nodeid: 1\n }\n node {\n ring0_addr: "+
					"ct6-mds2.lfs.intl\n nodeid: 2\n }\n}\n"...)
			}
			return data
		})
	}
	pair, err := upgrade.Load(cfg)
	require.NoError(t, err)
	require.NotContains(t, strings.Join(pair.Notes, "\n"), "one ring only")
}
