package rebuild

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

const imlCIB = "constructed-iml-2.4-el6-short-nodenames.xml"

func readCIB(t testing.TB, name string) *pacemaker.CIB {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", name))
	require.NoError(t, err)
	defer f.Close()
	cib, err := pacemaker.ParseCIB(f)
	require.NoError(t, err)
	return cib
}

func parseCIB(t testing.TB, text string) *pacemaker.CIB {
	t.Helper()
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	require.NoError(t, err)
	return cib
}

func readConf(t testing.TB) *corosync.Conf {
	t.Helper()
	data, err := os.ReadFile("../corosync/testdata/iml-v2.4.2.7RC1-rendered.conf")
	require.NoError(t, err)
	conf, err := corosync.Parse(bytes.NewReader(data))
	require.NoError(t, err)
	return conf
}

func printed(t testing.TB, conf *corosync.Conf) string {
	t.Helper()
	var b strings.Builder
	_, err := conf.WriteTo(&b)
	require.NoError(t, err)
	return b.String()
}
