package issm_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// fixture reads a file of package cps's testdata: the guide's own files and outputs.
func fixture(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "testdata", name))
	require.NoError(t, err)
	return string(data)
}

func text(name, s string) io.Reader { return srcerr.Named(name, strings.NewReader(s)) }

func printed(t testing.TB, w io.WriterTo) string {
	t.Helper()
	var b bytes.Buffer
	_, err := w.WriteTo(&b)
	require.NoError(t, err)
	return b.String()
}

func guideHosts(t testing.TB) *cps.Hosts {
	t.Helper()
	h, err := cps.ParseHosts(text("Hosts.csv", fixture(t, "Hosts.csv.txt")))
	require.NoError(t, err)
	return h
}

func guideMongo(t testing.TB) *cps.MongoConfig {
	t.Helper()
	mc, err := cps.ParseMongoConfig(text("mongoConfig.cfg", fixture(t, "mongoConfig-six-sets.cfg")))
	require.NoError(t, err)
	return mc
}

// rows counts findings by inventory row.
func rows(findings []cps.Finding) map[string]int {
	n := map[string]int{}
	for _, f := range findings {
		n[f.Row]++
	}
	return n
}
