package rebuild_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/rebuild"
)

// A name out of a file is a word of a command: never an option, never a part of a shell line, never another name that looks alike.
func TestNamesThatAreNoneAreRefused(t *testing.T) {
	raw, err := os.ReadFile("../../lustre/lustretest/testdata/el6-cib.xml")
	require.NoError(t, err)
	conf, err := os.ReadFile("../../lustre/lustretest/testdata/el6-corosync.conf")
	require.NoError(t, err)
	rebuild := func(text string) error {
		cib, err := pacemaker.ParseCIB(srcerr.Named("cib.xml", strings.NewReader(text)))
		require.NoError(t, err)
		corosync, err := corosync.Parse(strings.NewReader(string(conf)))
		require.NoError(t, err)
		names, err := pacemaker.ShortNames("ct6-mds1.lfs.intl", "ct6-mds2.lfs.intl")
		require.NoError(t, err)
		_, err = rebuild.New(cib, corosync,
			rebuild.Options{Node1: "ct6-mds1.lfs.intl", Node2: "ct6-mds2.lfs.intl", Names: names, ClusterName: "c"})
		return err
	}
	require.NoError(t, rebuild(string(raw)))
	for _, id := range []string{
		"--force", "-h", "a;b", "M$(id)", "M`id`", "M G", "M|a", "M&#10;x", "M&#x9b;31m", "MGS\u200b", "MGS\u200d",
		"M\u202eG", "a,b", "a=b", "../x", "@a", "%s", "1st", "M'G", "M&lt;img>", "a:b", "", "MGS\u00a0x",
	} {
		var at *pacemaker.ParseError
		err := rebuild(strings.ReplaceAll(string(raw), "MGS_32834e", id))
		require.ErrorIs(t, err, pacemaker.ErrName, id)
		require.ErrorAs(t, err, &at)
		require.Equal(t, "cib.xml", at.File)
		require.NotZero(t, at.Line)
	}
	for _, other := range [][2]string{{`uname="ct6-mds1"`, `uname="--all"`}, {`provider="chroma"`, `provider="-x"`},
		{`type="Target"`, `type="--force"`}, {`name="monitor"`, `name="--wait"`}} {
		require.ErrorIs(t, rebuild(strings.ReplaceAll(string(raw), other[0], other[1])), pacemaker.ErrName, other[1])
	}
	for _, id := range []string{"MGS_32834e", "_x", "Ä-1.b"} {
		require.NoError(t, pacemaker.CheckID(id))
	}
}
