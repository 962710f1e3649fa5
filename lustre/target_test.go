package lustre_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/evenkeel-ha/evenkeel/backup"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// corpus is the directory of real inputs; the test is skipped when there is none.
func corpus(t *testing.T) string {
	t.Helper()
	return golden.Corpus(t)
}

const (
	mgs = `{"backfstype": "ldiskfs", "bdev": "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMGT0000", "mntpt": "/mnt/MGS", "target_name": "MGS"}`
	mdt = `{"backfstype": "ldiskfs", "bdev": "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMDT0000", "mntpt": "/mnt/demo-MDT0000", "device_type": "linux"}`

	mgsUUID = "9aaf3d9d-df51-48d5-9da1-49d57dee12c0"
	mdtUUID = "ea0ec37d-288e-48e2-8f11-922980e5cf37"
	ostUUID = "7d3c2a10-0c55-4a0e-9f0e-1d2f3a4b5c6d"
)

func parse(t *testing.T, text string) *lustre.Target {
	t.Helper()
	target, err := lustre.ParseTarget(strings.NewReader(text))
	require.NoError(t, err)
	return target
}

// LUS-003, LUS-004, LUS-005: each era's form, with what IML assumes where a key is missing.
func TestParseTarget(t *testing.T) {
	type view struct{ Name, Backend, Device, DeviceType, MountPoint, Label, Source string }
	for name, tc := range map[string]struct {
		text string
		era  lustre.Era
		want view
	}{
		"1.x": {
			`{"bdev": "/dev/sdb", "mntpt": "/mnt/demo-OST000a"}`, lustre.Era1,
			view{"", "ldiskfs", "/dev/sdb", "linux", "/mnt/demo-OST000a", "demo-OST000a", "/dev/sdb"},
		},
		"2.4 ldiskfs": {
			`{"backfstype": "ldiskfs", "bdev": "/dev/sdb", "mntpt": "/mnt/MGS", "target_name": "MGS"}`, lustre.Era22,
			view{"MGS", "ldiskfs", "/dev/sdb", "linux", "/mnt/MGS", "MGS", "/dev/sdb"},
		},
		"2.4 zfs: bdev is the pool": {
			`{"backfstype": "zfs", "bdev": "lustre1", "mntpt": "/mnt/demo-OST0000", "target_name": "demo-OST0000"}`, lustre.Era22,
			view{"demo-OST0000", "zfs", "lustre1", "linux", "/mnt/demo-OST0000", "demo-OST0000", "lustre1/demo-OST0000"},
		},
		"3.1 zfs: bdev is pool/dataset": {
			`{"backfstype": "zfs", "bdev": "lustre1/ost0", "mntpt": "/mnt/demo-OST0000", "device_type": "zfs"}`, lustre.Era31,
			view{"", "zfs", "lustre1/ost0", "zfs", "/mnt/demo-OST0000", "demo-OST0000", "lustre1/ost0"},
		},
		"guide": {
			"{\n    \"backfstype\": \"ext4\",\n    \"bdev\": \"/dev/sdb\",\n    \"device_type\": \"linux\",\n    \"mntpt\": " +
				"\"/mnt/MGS\",\n    \"target_name\": \"MGS\"\n}\n",
			lustre.EraGuide, view{"MGS", "ext4", "/dev/sdb", "linux", "/mnt/MGS", "MGS", "/dev/sdb"},
		},
		"zfs without a name": {
			`{"backfstype": "zfs", "bdev": "lustre1", "mntpt": "/srv/x", "target_name": null}`, lustre.Era1,
			view{"", "zfs", "lustre1", "linux", "/srv/x", "", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := parse(t, tc.text)
			require.Equal(t, tc.want, view{got.Name, got.Backend, got.Device, got.DeviceType, got.MountPoint, got.Label(), got.Source()})
			require.Equal(t, tc.era, got.Era())
		})
	}
	pool, dataset, ok := parse(t, `{"backfstype": "zfs", "bdev": "p/d", "mntpt": "/m", "target_name": "MGS"}`).ZFS()
	require.True(t, ok)
	require.Equal(t, []string{"p", "p/d"}, []string{pool, dataset}, "a pool's name holds no slash")
	_, _, ok = parse(t, mgs).ZFS()
	require.False(t, ok)
}

func TestParseTargetErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                                  `t.json:1:1: not a JSON object, as a target file is: the file is empty`,
		`garbage`:                           `t.json:1:1: `,
		`[]`:                                `t.json:1:1: not a JSON object, as a target file is: near "[]"`,
		`null`:                              `not a JSON object`,
		`{}`:                                `t.json:1:2: mntpt is missing`,
		`{"mntpt": `:                        `t.json:1:11: not a target file: it ends in the middle`,
		`{"bdev": "/dev/sdb"}`:              `t.json:1:20: mntpt is missing`,
		`{"mntpt": "/mnt/MGS"}`:             `t.json:1:21: bdev is missing`,
		"{\"bdev\": \"x\",\n \"mntpt\": 7}": `t.json:2:11: mntpt is not a text: near "7"`,
		`{"bdev": "x", "mntpt": ""}`:        `mntpt is missing`,
		`{"bdev": "x", "mntpt": null}`:      `mntpt is missing`,
		`{"bdev": "x", "mntpt": "mnt/MGS"}`: `t.json:1:24: mntpt is not an absolute path: near "\"mnt/MGS\""`,
		`{"bdev": "x", "mntpt": "/m", "bdev": "y"}`: `the key "bdev" is there twice`,
		mgs + "\n" + mdt:              `t.json:2:1: there is more after the target`,
		`{"bdev": "x" "mntpt": "/m"}`: `t.json:1:14`,
		"{\"bdev\": \"x\x00\"}":       `not a text file`,
	} {
		_, err := lustre.ParseTarget(srcerr.Named("t.json", strings.NewReader(text)))
		require.ErrorContains(t, err, want, text)
		var pe *lustre.ParseError
		require.ErrorAs(t, err, &pe)
	}
	_, err := lustre.ParseTarget(strings.NewReader(`{"mntpt": 1, "bdev": 2, "target_name": 3}`))
	require.Equal(t, 2, strings.Count(err.Error(), "\n"), "every mistake is named: %v", err)
}

// What is not known is kept; what is not changed is written as it was.
func TestTargetRoundTrip(t *testing.T) {
	for _, text := range []string{
		mgs, mdt, `{"bdev": "a/b", "mntpt": "/m", "new": {"x": [1, 2.50]}, "\u0061bc": "\u00e9", "n": 1e3, "backfstype": null}`,
	} {
		var b bytes.Buffer
		_, err := parse(t, text).WriteTo(&b)
		require.NoError(t, err)
		require.Equal(t, strings.ReplaceAll(text, `\u0061bc`, "abc"), b.String())
	}
	target := parse(t, `{"later": true, "bdev": "/dev/sdb", "mntpt": "/mnt/<x>"}`)
	target.Device, target.Name = "/dev/sdc", "MGS"
	line, err := target.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, `{"later": true, "bdev": "/dev/sdc", "mntpt": "/mnt/<x>", "target_name": "MGS"}`, string(line))
	line, err = (&lustre.Target{Name: "MGS", Backend: "ldiskfs", Device: "/dev/sdb", DeviceType: "linux",
		MountPoint: "/mnt/MGS"}).MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, `{"backfstype": "ldiskfs", "bdev": "/dev/sdb", "device_type": "linux", "mntpt": "/mnt/MGS", "target_name": "MGS"}`,
		string(line))
}

// H24: the file's name is the UUID in URL-safe base64.
func TestTargetFileName(t *testing.T) {
	require.Equal(t, "OWFhZjNkOWQtZGY1MS00OGQ1LTlkYTEtNDlkNTdkZWUxMmMw", lustre.TargetFileName(mgsUUID))
	uuid, err := lustre.TargetUUID("ZWEwZWMzN2QtMjg4ZS00OGUyLThmMTEtOTIyOTgwZTVjZjM3")
	require.NoError(t, err)
	require.Equal(t, mdtUUID, uuid)
	for _, bad := range []string{"", "tmpAbC123", "!!!", "Zm9v", lustre.TargetFileName(mgsUUID) + "\n", mgsUUID} {
		_, err := lustre.TargetUUID(bad)
		require.Error(t, err, bad)
	}
	rapid.Check(t, func(t *rapid.T) {
		uuid := rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).Draw(t, "uuid")
		back, err := lustre.TargetUUID(lustre.TargetFileName(uuid))
		if err != nil || back != uuid {
			t.Fatalf("%s became %s, %v", uuid, back, err)
		}
	})
}

// LUS-004, LUS-006, LUS-061: names of targets and of their resources, whichever suffix IML gave them.
func TestLabels(t *testing.T) {
	for text, want := range map[string]lustre.Label{
		"MGS": {Kind: "MGS"}, "demo-MDT0000": {"demo", "MDT", 0}, "fs-1-OST00ff": {"fs-1", "OST", 255},
	} {
		got, err := lustre.ParseLabel(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
	}
	for _, bad := range []string{"", "MGT", "demo-MDT", "demo-MDT00000", "demo-OST00FF", "toolongname-MDT0000", "demo-MDT0000_802c1b"} {
		_, err := lustre.ParseLabel(bad)
		require.Error(t, err, bad)
	}
	label, err := lustre.ResourceLabel("demo-MDT0000_802c1b")
	require.NoError(t, err)
	require.Equal(t, "demo-MDT0000", label.String())
	for _, bad := range []string{"MGS", "MGS_32834", "st-fencing", "x_32834e"} {
		_, err := lustre.ResourceLabel(bad)
		require.Error(t, err, bad)
	}
}

func TestStoresOfTheCorpus(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(corpus(t), "iml", "targets-store", "*", "targets"))
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	read := 0
	for _, dir := range dirs {
		names, err := os.ReadDir(dir)
		require.NoError(t, err)
		files := map[string][]byte{}
		for _, n := range names {
			files[n.Name()], err = os.ReadFile(filepath.Join(dir, n.Name()))
			require.NoError(t, err)
			read++
		}
		store, err := lustre.ParseStore("", files)
		require.NoError(t, err, dir)
		for _, uuid := range store.UUIDs() {
			line, err := store[uuid].MarshalJSON()
			require.NoError(t, err)
			require.Equal(t, strings.TrimRight(string(files[lustre.TargetFileName(uuid)]), "\n"), string(line))
		}
	}
	t.Logf("%d target files read", read)
}

// The guide prints two targets one after the other, put in order for reading (lustre:1079).
func TestGuideTargets(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(corpus(t), "seed", "lustre-targets-json.txt"))
	require.NoError(t, err)
	count := 0
	for _, part := range strings.SplitAfter(string(text), "}") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		target := parse(t, part)
		require.Equal(t, "/mnt/"+target.Name, target.MountPoint)
		count++
	}
	require.Equal(t, 2, count)
}

func TestParseStoreErrors(t *testing.T) {
	_, err := lustre.ParseStore("", nil)
	require.ErrorIs(t, err, lustre.ErrNoTargets)
	_, err = lustre.ParseStore("", map[string][]byte{
		lustre.TargetFileName(mgsUUID): []byte(mgs), lustre.TargetFileName(mdtUUID): []byte("{}"), "tmpXYZ": []byte(mgs),
	})
	require.ErrorContains(t, err, "tmpXYZ")
	require.ErrorContains(t, err, lustre.TargetFileName(mdtUUID)+":1:2: mntpt is missing")
}

func TestStoreOf(t *testing.T) {
	open := func(files ...backup.File) *backup.Archive {
		var b bytes.Buffer
		require.NoError(t, backup.Build(&b, "ct6-mds1", time.Unix(0, 0).UTC(), files))
		a, err := backup.Open(&b)
		require.NoError(t, err)
		return a
	}
	file := func(uuid, text string) backup.File {
		return backup.File{Path: lustre.TargetStoreDir + "/" + lustre.TargetFileName(uuid), Data: []byte(text)}
	}
	store, err := lustre.StoreOf(open(file(mgsUUID, mgs), file(mdtUUID, mdt)))
	require.NoError(t, err)
	require.Equal(t, []string{"/mnt/MGS", "/mnt/demo-MDT0000"}, store.MountPoints())
	_, err = lustre.StoreOf(open())
	require.ErrorIs(t, err, lustre.ErrNoTargets)
	_, err = lustre.StoreOf(open(file(mgsUUID, "{")))
	require.ErrorContains(t, err, "bck-ct6-mds1-19700101-000000/var/lib/chroma/targets/"+lustre.TargetFileName(mgsUUID)+":1:2")
}

// H24: cluster, store and mounts are compared with each other.
func TestAudit(t *testing.T) {
	ost := `{"backfstype": "zfs", "bdev": "lustre1", "mntpt": "/mnt/demo-OST0000", "target_name": "demo-OST0000"}`
	fresh := func() lustre.Store {
		return lustre.Store{mgsUUID: parse(t, mgs), mdtUUID: parse(t, mdt), ostUUID: parse(t, ost)}
	}
	resources := func() map[string]string {
		return map[string]string{"MGS_32834e": mgsUUID, "demo-MDT0000_802c1b": mdtUUID, "demo-OST0000_000001": ostUUID}
	}
	table := `rootfs / rootfs rw 0 0
/dev/mapper/mgs /mnt/MGS lustre ro,svname=MGS,nosvc,mgs 0 0
lustre1/demo-OST0000 /mnt/demo-OST0000 lustre ro,svname=demo-OST0000 0 0
10.0.0.1@tcp:/demo /lustre lustre rw 0 0
`
	for name, tc := range map[string]struct {
		change func(lustre.Store, map[string]string)
		table  string
		want   []lustre.FindingKind
		text   string
	}{
		"all agree": {},
		"file lost": {change: func(s lustre.Store, _ map[string]string) { delete(s, mdtUUID) },
			want: []lustre.FindingKind{lustre.NotInStore}, text: lustre.TargetFileName(mdtUUID)},
		"resource lost": {change: func(_ lustre.Store, r map[string]string) { delete(r, "MGS_32834e") },
			want: []lustre.FindingKind{lustre.NotInCluster}, text: "/mnt/MGS"},
		"two resources": {change: func(_ lustre.Store, r map[string]string) { r["MGS_aaaaaa"] = mgsUUID },
			want: []lustre.FindingKind{lustre.SharedTarget}, text: "mounted twice"},
		"resources swapped": {
			change: func(_ lustre.Store, r map[string]string) {
				r["MGS_32834e"], r["demo-MDT0000_802c1b"] = mdtUUID, mgsUUID
			},
			want: []lustre.FindingKind{lustre.OtherName, lustre.OtherName}, text: "is called after",
		},
		"one mount point": {change: func(s lustre.Store, _ map[string]string) {
			s[mdtUUID].MountPoint, s[mdtUUID].Name = "/mnt/MGS", "demo-MDT0000"
		}, want: []lustre.FindingKind{lustre.SharedMount}, text: "/mnt/MGS"},
		"one device": {change: func(s lustre.Store, _ map[string]string) { s[mdtUUID].Device = s[mgsUUID].Device },
			want: []lustre.FindingKind{lustre.SharedDevice}, text: "EEMGT0000"},
		"pool without a name": {change: func(s lustre.Store, _ map[string]string) { s[ostUUID].Name = "" },
			want: []lustre.FindingKind{lustre.NoDataSet}, text: "lustre1"},
		"stranger mounted": {table: table + "/dev/sdx /mnt/other lustre ro,svname=other-OST0000 0 0\n",
			want: []lustre.FindingKind{lustre.MountedUnknown}, text: "/mnt/other"},
		"wrong data set": {table: strings.ReplaceAll(table, "lustre1/", "lustre2/"),
			want: []lustre.FindingKind{lustre.MountedOtherwise}, text: "lustre2/demo-OST0000"},
		"wrong target": {table: strings.ReplaceAll(table, "svname=MGS", "svname=demo-MDT0000"),
			want: []lustre.FindingKind{lustre.MountedOtherwise}, text: "where MGS belongs"},
	} {
		t.Run(name, func(t *testing.T) {
			store, res := fresh(), resources()
			if tc.change != nil {
				tc.change(store, res)
			}
			if tc.table == "" {
				tc.table = table
			}
			mounts, err := lustre.ParseMounts(strings.NewReader(tc.table))
			require.NoError(t, err)
			var kinds []lustre.FindingKind
			for _, f := range lustre.Audit(store, res, mounts) {
				kinds = append(kinds, f.Kind)
				require.Contains(t, f.String(), tc.text)
			}
			require.Equal(t, tc.want, kinds)
		})
	}
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{mgs, mdt, "", "{", "[]", `{"bdev":"a","mntpt":"/m","x":{"y":null}}`,
		"{\"bdev\": \"a\",\n\"mntpt\": \"/m\"}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		target, err := lustre.ParseTarget(bytes.NewReader(data))
		if err != nil {
			return
		}
		line, err := target.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(line, "\n\r") {
			t.Fatalf("more than one line: %q", line)
		}
		again, err := lustre.ParseTarget(bytes.NewReader(line))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		twice, err := again.MarshalJSON()
		if err != nil || !bytes.Equal(line, twice) {
			t.Fatalf("%q became %q, %v", line, twice, err)
		}
		if target.Source() != again.Source() || target.MountPoint != again.MountPoint {
			t.Fatalf("%q lost its meaning", data)
		}
	})
}

// IML calls a ZFS target by the guid of its data set: a decimal number of 64 bits.
func TestZFSGuids(t *testing.T) {
	uuid, err := lustre.TargetUUID("MzAzMzk2NzE3NDk0MDI4NzQ1MQ==")
	require.NoError(t, err)
	require.Equal(t, "3033967174940287451", uuid)
	for name, want := range map[string]bool{
		"1": true, "18446744073709551615": true, "18446744073709551616": false, "0": false, "007": false, "-1": false,
		"1.5": false, "0x10": false, "": false,
		mgsUUID: true, strings.ToUpper(mgsUUID): true, mgsUUID + "0": false,
	} {
		require.Equal(t, want, lustre.IsTargetUUID(name), name)
		_, err := lustre.TargetUUID(lustre.TargetFileName(name))
		require.Equal(t, want, err == nil, name)
	}
}

// A slash at the end of a mount point is none in the mount table.
func TestAuditOfAMountPointWithASlash(t *testing.T) {
	target, err := lustre.ParseTarget(strings.NewReader(`{"bdev": "/dev/disk/by-id/a", "mntpt": "/mnt/MGS/"}`))
	require.NoError(t, err)
	mounts, err := lustre.ParseMounts(strings.NewReader("/dev/disk/by-id/a /mnt/MGS lustre ro 0 0\n"))
	require.NoError(t, err)
	require.Empty(t, lustre.Audit(lustre.Store{mgsUUID: target}, map[string]string{"MGS_32834e": mgsUUID}, mounts))
}
