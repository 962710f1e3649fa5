package readiness_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
	"github.com/evenkeel-ha/evenkeel/pacemaker/readiness"
)

func cibOf(t testing.TB, text string) *pacemaker.CIB {
	t.Helper()
	cib, err := pacemaker.ParseCIB(srcerr.Named("cib.xml", strings.NewReader(text)))
	require.NoError(t, err)
	return cib
}

// cibWith is a CIB of the newest schema before 4.0, with some sections.
func cibWith(t testing.TB, sections string) *pacemaker.CIB {
	t.Helper()
	return cibOf(t, `<cib epoch="1" num_updates="0" admin_epoch="0" validate-with="pacemaker-3.9" crm_feature_set="3.16.1"><configuration>`+sections+
		`</configuration></cib>`)
}

func primitive(rest string) string {
	return `<resources><primitive id="r" ` + rest + `</primitive></resources>`
}

func confOf(t testing.TB, text string) *corosync.Conf {
	t.Helper()
	conf, err := corosync.Parse(srcerr.Named("corosync.conf", strings.NewReader(text)))
	require.NoError(t, err)
	return conf
}

// siteOf reads the files of a site below testdata.
func siteOf(t testing.TB, name string) readiness.Input {
	t.Helper()
	read := func(file string) string {
		raw, err := os.ReadFile(filepath.Join("testdata", name, file))
		require.NoError(t, err)
		return string(raw)
	}
	in := readiness.Input{CIB: cibOf(t, read("cib.xml")), Conf: confOf(t, read("corosync.conf"))}
	files, err := filepath.Glob(filepath.Join("testdata", name, "*.versions"))
	require.NoError(t, err)
	require.Len(t, files, 2)
	for _, file := range files {
		v, err := readiness.ParseVersions(srcerr.Named(file, strings.NewReader(read(filepath.Base(file)))))
		require.NoError(t, err)
		v.Node = strings.TrimSuffix(filepath.Base(file), ".versions")
		in.Versions = append(in.Versions, *v)
	}
	return in
}

// check checks, and wants it to go well.
func check(t testing.TB, in readiness.Input, target string) *readiness.Report {
	t.Helper()
	report, err := readiness.Check(in, target)
	require.NoError(t, err)
	return report
}

// lines are the findings as "level check object: found".
func lines(r *readiness.Report) (all []string) {
	for _, f := range r.Findings {
		all = append(all, string(f.Level)+" "+f.Check+" "+f.Object+": "+f.Found)
	}
	return all
}
