package lustre_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

func TestParseMounts(t *testing.T) {
	const table = `rootfs / rootfs rw 0 0
/dev/sdb /mnt/MGS lustre ro,svname=MGS,nosvc,mgs,osd=osd-ldiskfs 0 0
pool\0401/ost /mnt/a\040b\134c lustre_tgt ro 0 0
10.0.0.1@tcp:10.0.0.2@tcp:/demo /lustre lustre rw,flock 0 0
/dev/sdc /mnt/MGS ext4 rw 0 0
`
	mounts, err := lustre.ParseMounts(strings.NewReader(table))
	require.NoError(t, err)
	require.Len(t, mounts, 5)
	targets := mounts.Lustre()
	require.Len(t, targets, 2, "clients are no targets")
	require.Equal(t, "MGS", targets[0].Options["svname"])
	require.Equal(t, `/mnt/a b\c`, targets[1].MountPoint)
	require.Equal(t, "pool 1/ost", targets[1].Device)
	m, ok := mounts.At("/mnt/MGS")
	require.True(t, ok)
	require.Equal(t, "/dev/sdc", m.Device, "the later mount covers the earlier one")
	_, ok = mounts.At("/none")
	require.False(t, ok)
}

func TestParseMountsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "mounts:1:1: the mount table is empty",
		"\n\n":                           "the mount table is empty",
		"rootfs / rootfs rw 0 0\nnope\n": `mounts:2:1: a line of a mount table has 6 fields, this one has 1: near "nope"`,
		"a / b rw x 0":                   `"x" is not a number`,
		"a b c rw 0 0":                   "not an absolute path",
	} {
		_, err := lustre.ParseMounts(srcerr.Named("mounts", strings.NewReader(text)))
		require.ErrorContains(t, err, want)
	}
}

// LUS-037: df's table, as df of EL7 prints it and as df of EL6 wraps it.
func TestParseDF(t *testing.T) {
	want := []lustre.Usage{
		{"/dev/sdb", "9.4G", "1.1M", "8.9G", 1, "/mnt/MGS"},
		{"/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMDT0000", "7.3G", "-", "6.7G", -1, "/mnt/demo MDT"},
	}
	for name, text := range map[string]string{
		"EL7": `Filesystem                                          Size  Used Avail Use% Mounted on
/dev/sdb                                            9.4G  1.1M  8.9G   1% /mnt/MGS
/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMDT0000  7.3G     -  6.7G    - /mnt/demo MDT
`,
		"EL6": `Filesystem            Size  Used Avail Use% Mounted on
/dev/sdb              9.4G  1.1M  8.9G   1% /mnt/MGS
/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_EEMDT0000
                      7.3G     -  6.7G    - /mnt/demo MDT
`,
	} {
		got, err := lustre.ParseDF(strings.NewReader(text))
		require.NoError(t, err, name)
		require.Empty(t, cmp.Diff(want, got), name)
	}
	none, err := lustre.ParseDF(strings.NewReader("df: no file systems processed\n"))
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestParseDFErrors(t *testing.T) {
	const head = "Filesystem Size Used Avail Use% Mounted on\n"
	for text, want := range map[string]string{
		"":                              "df:1:1: not the table that df prints",
		"df: /mnt: Stale file handle":   "not the table",
		head:                            "df:2:1: the table has no line",
		head + "/dev/sdb 1G 1G":         `df:2:1: a line of df has 6 columns: near "/dev/sdb 1G 1G"`,
		head + "/dev/sdb 1G x 1G 1% /m": `"x" is not an amount`,
		head + "/dev/sdb 1G 1G 1G 1 /m": `"1" is not a percentage`,
		head + "/dev/sdb 1G 1G 1G 1% m": "not an absolute path",
		head + "/dev/sdb 1G 1G 1G 99999999999999999999% /m": "not a percentage",
	} {
		_, err := lustre.ParseDF(srcerr.Named("df", strings.NewReader(text)))
		require.ErrorContains(t, err, want, text)
	}
}

// LUS-013, LUS-014: the guide's form, the one without the blank, and what other releases print.
func TestParseDKMS(t *testing.T) {
	const kernel = "3.10.0-693.11.6.el7_lustre.x86_64"
	for line, want := range map[string]lustre.Module{
		"lustre, 2.10.3, " + kernel +
			", x86_64: installed": {"lustre", "2.10.3", kernel, "x86_64", "installed", ""},
		"lustre, 2.10.3," + kernel + ", x86_64: installed": {"lustre", "2.10.3", kernel,
			"x86_64", "installed", ""},
		"zfs/0.7.1, " + kernel + ", x86_64: built": {"zfs", "0.7.1", kernel, "x86_64", "built", ""},
		"spl, 0.7.1: added":                        {"spl", "0.7.1", "", "", "added", ""},
		"zfs, 0.7.1, " + kernel + ", x86_64: installed (WARNING! Diff: built and installed)": {"zfs", "0.7.1", kernel,
			"x86_64", "installed", "WARNING! Diff: built and installed"},
		"zfs, 0.7.1, " + kernel + ", x86_64: installed (original_module exists)": {"zfs", "0.7.1", kernel,
			"x86_64", "installed", "original_module exists"},
	} {
		got, err := lustre.ParseDKMS(strings.NewReader(line))
		require.NoError(t, err, line)
		require.Equal(t, []lustre.Module{want}, got)
	}
}

func TestParseDKMSErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                "dkms:1:1: dkms knows no module",
		"# dkms status\n": "dkms knows no module",
		"zfs, 0.7.1, k, x: installed\n  Error! Could not locate dkms.conf": "dkms:2:3: ",
		"zfs: installed":               "names a module",
		"zfs, 0.7.1, k: installed":     "names a module",
		"zfs, , k, x: installed":       "names a module",
		"zfs, 0.7.1, k, x: Very Wrong": `"Very Wrong" is not a status`,
		"command not found":            "not a line of dkms",
	} {
		_, err := lustre.ParseDKMS(srcerr.Named("dkms", strings.NewReader(text)))
		require.ErrorContains(t, err, want, text)
	}
}

// LUS-028: every module must be installed, and those of the profile must be there.
func TestCheckDKMS(t *testing.T) {
	modules, err := lustre.ParseDKMS(strings.NewReader("lustre, 2.10.3, k1, x86_64: installed\nspl, 0.7.1, k1, x86_64: " +
		"installed\nzfs, 0.7.1, k1, x86_64: installed\n"))
	require.NoError(t, err)
	require.NoError(t, lustre.CheckDKMS(modules, "k1", lustre.BothOSDs.DKMSModules()...))
	require.ErrorContains(t, lustre.CheckDKMS(modules, "k2", "zfs"), "zfs is not built for kernel k2")
	modules[2].Status = "built"
	require.ErrorContains(t, lustre.CheckDKMS(modules, "", "zfs"), "zfs is built, not installed")
	require.ErrorContains(t, lustre.CheckDKMS(modules[:1], "", "spl"), "does not know the kernel module spl")
	require.Empty(t, lustre.LDISKFSOnly.DKMSModules())
}

func TestGuideDKMS(t *testing.T) {
	f, err := os.Open(filepath.Join(corpus(t), "seed", "lustre-dkms-status.txt"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }()
	modules, err := lustre.ParseDKMS(f)
	require.NoError(t, err)
	require.NoError(t, lustre.CheckDKMS(modules, "", "lustre", "spl", "zfs"))
}

// LUS-015
func TestHostID(t *testing.T) {
	id, err := lustre.HostID([]byte{0x78, 0x56, 0x34, 0x12})
	require.NoError(t, err)
	require.Equal(t, "12345678", id)
	require.NoError(t, lustre.CheckHostID([]byte{0x78, 0x56, 0x34, 0x12}, "12345678\n"))
	require.ErrorContains(t, lustre.CheckHostID([]byte{0x78, 0x56, 0x34, 0x12}, "007f0100\n"), "not the persistent one")
	require.ErrorContains(t, lustre.CheckHostID(nil, "007f0100"), "0 bytes")
	require.Error(t, lustre.CheckHostID(make([]byte, 4), "00000000"))
}

func FuzzParseTables(f *testing.F) {
	for _, seed := range []string{
		"", "rootfs / rootfs rw 0 0\n", `a\04 /\134 lustre ro,,=x 0 0`, "Filesystem Size Used Avail Use% Mounted on\n/dev/sdb\n 1G 1G 1G 1% /m\n",
		"zfs, 0.7.1, k, x: installed (a: b)\n", ": (", "[a]\nbaseurl = x\n  y\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if m, err := lustre.ParseMounts(strings.NewReader(text)); err == nil && len(m) == 0 {
			t.Fatal("an empty mount table was accepted")
		}
		_, _ = lustre.ParseDF(strings.NewReader(text))
		if m, err := lustre.ParseDKMS(strings.NewReader(text)); err == nil && len(m) == 0 {
			t.Fatal("no module was accepted")
		}
		repo, err := lustre.ParseRepo(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := lustre.ParseRepo(strings.NewReader(repo.String()))
		if err != nil {
			t.Fatalf("%q: %v", repo.String(), err)
		}
		if diff := cmp.Diff(repo, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
