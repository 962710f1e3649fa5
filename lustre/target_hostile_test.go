package lustre_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/lustre"
)

// A target is mounted where its file seems to say, or not at all.
func TestAMountPointIsAPlainPath(t *testing.T) {
	parse := func(mount, device string) error {
		_, err := lustre.ParseTarget(srcerr.Named("targets/x", strings.NewReader("{\n\"bdev\": "+device+",\n\"mntpt\": "+mount+"}")))
		return err
	}
	require.NoError(t, parse(`"/mnt/MGS"`, `"/dev/sdb"`))
	require.NoError(t, parse(`"/mnt/MGS/"`, `"pool/MGS"`))
	for _, mount := range []string{`"/mnt/../../etc/x"`, `"mnt/x"`, `"./x"`, `"/mnt/./x"`, `"/mnt//x"`, `"/"`, `"//"`,
		`"/mnt/.."`, `"/mnt/a\u001b[31m"`, `"/mnt/a\nb"`, `"/mnt/a\u202eb"`, `"/mnt/a\u200bb"`, `"/mnt/a\u009bb"`, `"-o"`} {
		var at *lustre.ParseError
		err := parse(mount, `"/dev/sdb"`)
		require.ErrorAs(t, err, &at, mount)
		require.Equal(t, []any{"targets/x", 3}, []any{at.File, at.Line}, mount)
	}
	require.ErrorContains(t, parse(`"/mnt/MGS"`, `"--force"`), "targets/x:2:")
}
