package cps_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
)

// The guide's two sessions (cps:443-448,1611-1616), as it prints them.
const (
	sftpCluman = "sftp root@172.16.2.19\nsftp> get migrate_cluman_20180105_170515.tar.gz\n" +
		"Fetching /var/tmp/migrate_cluman_20170105_170515.tar.gz to migrate_20170105_170515.tar.gz\n" +
		"/var/tmp/migrate_cluman_20180105_170515.tar.gz\n"
	sftpArbiter = "sftp root@172.16.2.39\nsftp> get migrate_arbiter_date_time.tar.gz\n" +
		"Fetching /var/tmp/migrate_arbiter_date_time.tar.gz migrate_arbiter_date_time.tar.gz to\n" +
		"migrate_arbiter_20170210_075135.tar.gz\n/var/tmp/migrate_arbiter_date_time.tar.gz\n"
)

// CPS-136: both of the guide's lines, the wrapped one too.
func TestParseFetches(t *testing.T) {
	list, err := cps.ParseFetches(text("sftp.txt", sftpCluman))
	require.NoError(t, err)
	require.Equal(t, []cps.Fetch{{Remote: "/var/tmp/migrate_cluman_20170105_170515.tar.gz", Local: "migrate_20170105_170515.tar.gz",
		Shown: "/var/tmp/migrate_cluman_20180105_170515.tar.gz", Line: 3}}, list)
	require.Equal(t, "[sftp.txt:3: warning: the copy of migrate_cluman_20170105_170515.tar.gz is called migrate_20170105_170515.tar.gz: "+
		"give it its own name, or nobody finds it for a rollback (CPS-136) sftp.txt:3: error: "+
		"/var/tmp/migrate_cluman_20170105_170515.tar.gz was to be fetched, and the progress is of "+
		"/var/tmp/migrate_cluman_20180105_170515.tar.gz: fetch it again (CPS-136)]", fmt.Sprint(cps.ReviewFetches("sftp.txt", list)))

	list, err = cps.ParseFetches(text("sftp.txt", sftpArbiter))
	require.NoError(t, err)
	require.Equal(t, []cps.Fetch{{Remote: "/var/tmp/migrate_arbiter_date_time.tar.gz", Local: "migrate_arbiter_20170210_075135.tar.gz",
		Shown: "/var/tmp/migrate_arbiter_date_time.tar.gz", Line: 3}}, list)
	require.Contains(t, fmt.Sprint(cps.ReviewFetches("sftp.txt", list)), "no archive of migrate.sh")
}

// CPS-136: what a terminal shows of a copy that is right, and of two of them.
func TestParseFetchesWithProgress(t *testing.T) {
	const one = "Fetching /var/tmp/migrate_set-1_20180621_212456.tar.gz to migrate_set-1_20180621_212456.tar.gz\r\n" +
		"/var/tmp/migrate_set-1_20180621_212456.tar.gz        100%   12MB  40.2MB/s   00:00\r\n"
	list, err := cps.ParseFetches(text("s", one+one))
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, "/var/tmp/migrate_set-1_20180621_212456.tar.gz", list[1].Shown)
	require.Empty(t, cps.ReviewFetches("s", list))
	for in, want := range map[string]string{
		"":                                "nothing was fetched",
		"sftp> get x\n":                   "nothing was fetched",
		"Fetching /a to\n":                "cut off in this line",
		"Fetching /a/b c to d\n":          "not Fetching REMOTE to LOCAL",
		"Fetching /a\n":                   "not Fetching REMOTE to LOCAL",
		"Fetching /a to b c\n" + one:      "not Fetching REMOTE to LOCAL",
		"Fetching /a to\nb and more\nb\n": "not Fetching REMOTE to LOCAL",
	} {
		_, err := cps.ParseFetches(text("s", in))
		require.ErrorContains(t, err, want, "%q", in)
	}
}
