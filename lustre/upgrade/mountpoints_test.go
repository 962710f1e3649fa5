package upgrade_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre/lustretest"
	"github.com/evenkeel-ha/evenkeel/lustre/upgrade"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/pcs"
)

// A target over a directory of the system, or inside another target, is refused before anything runs, with its place: of a pair that
// people made in the CIB, of IML's in the store.
func TestMountPointsOfTheSystem(t *testing.T) {
	const mdt, mgs = "EA0EC37D-288E-48E2-8F11-922980E5CF37", "3033967174940287451"
	for mount, says := range map[string]string{
		"/":              "one of the system's own",
		"/etc":           "one of the system's own",
		"/usr":           "one of the system's own",
		"/usr/":          "one of the system's own",
		"/usr/lib/x":     "one of the system's own",
		"/var":           "one of the system's own",
		"/var/lib":       "one of the system's own",
		"/mnt":           "one of the system's own",
		"/home":          "one of the system's own",
		"/proc/1":        "one of the system's own",
		"/lustre/../etc": "one of the system's own",
		"/mnt/MGS/mdt":   "is inside that of MGS",
		"/mnt/MGS/a/b/":  "is inside that of MGS",
		"/mnt/MGSX":      "",
		"/var/lustre":    "",
		"/etcetera":      "",
		"/lustre/mdt":    "",
	} {
		store := zfsSite(map[string]string{
			mgs: `{"device_type": "zfs", "bdev": "mgspool/MGS", "backfstype": "zfs", "mntpt": "/mnt/MGS"}`,
			mdt: `{"device_type": "zfs", "bdev": "mdtpool/mdt0", "backfstype": "zfs", "mntpt": "/mnt/demo-MDT0000"}`,
		})
		cfg := backedUp(t, lustretest.NewPair(lustretest.Options{Site: store}))
		for _, s := range []upgrade.Server{cfg.Node1, cfg.Node2} {
			rewrite(t, s.Backup, func(name string, data []byte) []byte {
				if strings.HasPrefix(name, "/var/lib/chroma/targets/") {
					data = []byte(strings.Replace(string(data), `"/mnt/demo-MDT0000"`, `"`+mount+`"`, 1))
				}
				return data
			})
		}
		_, err := upgrade.Load(cfg)

		text := strings.NewReplacer(`value="/lustre/MGS"`, `value="/mnt/MGS"`, `value="/lustre/hand-OST0002"`, `value="`+mount+`"`).
			Replace(lustretest.ZFSGroups(pcs.V09).CIB)
		require.Contains(t, text, `value="`+mount+`"`)
		cib, bad := pacemaker.ParseCIB(srcerr.Named("cib.xml", strings.NewReader(text)))
		require.NoError(t, bad)
		all := ""
		for _, f := range upgrade.AuditTargets(cib) {
			all += f.Error() + "\n"
		}
		if says == "" {
			require.NoError(t, err, mount)
			require.Empty(t, all, mount)
			continue
		}
		if mount == "/" || strings.Contains(mount, "..") || strings.HasSuffix(mount, "/") {
			require.Error(t, err, mount) // no plain path, says who reads the store
		} else {
			require.ErrorContains(t, err, says, mount)
		}
		require.ErrorContains(t, err, "tgz!/var/lib/chroma/targets/", mount)
		require.Contains(t, all, says, mount)
		require.Regexp(t, `(?m)^cib\.xml:\d+:\d+: hand-OST0002`, all)
	}
}
