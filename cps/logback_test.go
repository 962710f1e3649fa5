package cps_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/cps"
	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

const guideLogger = `<logger name="com.broadhop.utilities.zmq.upgrade.ZMQInServiceUpgradeMgr" level="debug"/>`

func logback(t testing.TB, in string) *cps.Logback {
	t.Helper()
	l, err := cps.ParseLogback(text("logback.xml", in))
	require.NoError(t, err)
	return l
}

// CPS-014, CPS-162: the entry of the guide, in and out, and not a byte besides.
func TestLogbackUpgradeLogger(t *testing.T) {
	in := fixture(t, "logback/current/etc/broadhop/logback.xml")
	l := logback(t, in)
	require.Equal(t, in, printed(t, l))
	require.Empty(t, l.Findings(), "one in a comment is none")
	_, changed, err := l.WithoutUpgradeLogger()
	require.NoError(t, err)
	require.False(t, changed)

	with, changed, err := l.WithUpgradeLogger()
	require.NoError(t, err)
	require.True(t, changed)
	golden.Check(t, "upgrade-logback.xml", printed(t, with))
	e, found := with.Logger(cps.UpgradeLogger)
	require.Equal(t, 1, found)
	require.Equal(t, 20, e.Line)
	require.Equal(t, map[string]int{"CPS-162": 1}, rows(with.Findings()))
	_, changed, err = with.WithUpgradeLogger()
	require.NoError(t, err)
	require.False(t, changed)
	without, changed, err := with.WithoutUpgradeLogger()
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, in, printed(t, without))
}

// CPS-014: in any layout of the file the bytes come back.
func TestLogbackLayouts(t *testing.T) {
	for in, want := range map[string]string{
		"<configuration></configuration>":   "<configuration>" + guideLogger + "</configuration>",
		"<configuration>\n</configuration>": "<configuration>\n" + guideLogger + "\n</configuration>",
		"\ufeff<configuration>\r\n\t<root/>\r\n \t</configuration>\r\n": "\ufeff<configuration>\r\n\t<root/>\r\n\t" +
			guideLogger + "\r\n \t</configuration>\r\n",
		"<configuration>\n  <root/></configuration>\n":   "<configuration>\n  <root/>" + guideLogger + "</configuration>\n",
		"<configuration>\n<!-- a\n --></configuration >": "<configuration>\n<!-- a\n -->" + guideLogger + "</configuration >",
		"<Configuration>\n    <Logger name='a'/>\n</Configuration>": "<Configuration>\n    <Logger name='a'/>\n    " +
			guideLogger + "\n</Configuration>",
		"<configuration xmlns='urn:a'>\n<root/>\n</configuration>": "<configuration xmlns='urn:a'>\n<root/>\n" +
			guideLogger + "\n</configuration>",
		"<configuration>\n <a/>\n   <logger name='b'/>\n</configuration>": "<configuration>\n <a/>\n   <logger name='b'/>\n   " +
			guideLogger + "\n</configuration>",
	} {
		with, changed, err := logback(t, in).WithUpgradeLogger()
		require.NoError(t, err, in)
		require.True(t, changed)
		require.Equal(t, want, printed(t, with))
		without, _, err := with.WithoutUpgradeLogger()
		require.NoError(t, err)
		require.Equal(t, in, printed(t, without))
	}
	// Written by hand, in another spelling of the same.
	out, changed, err := logback(t, "<configuration>\n <x/>  <Logger  level='DEBUG'\n name='"+cps.UpgradeLogger+
		"' ></Logger> \n</configuration>").WithoutUpgradeLogger()
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, "<configuration>\n <x/>   \n</configuration>", printed(t, out))
}

// CPS-014: an entry that is not that of the guide is nobody's to change but the operator's.
func TestLogbackRefusesAnotherEntry(t *testing.T) {
	for name, body := range map[string]string{
		"level":    `<logger name="` + cps.UpgradeLogger + `" level="info"/>`,
		"no level": `<logger name="` + cps.UpgradeLogger + `"/>`,
		"twice":    guideLogger + guideLogger,
		"more":     `<logger name="` + cps.UpgradeLogger + `" level="debug" additivity="false"/>`,
		"children": `<logger name="` + cps.UpgradeLogger + `" level="debug"><appender-ref ref="A"/></logger>`,
		"text":     `<logger name="` + cps.UpgradeLogger + `" level="debug">x</logger>`,
		"within":   `<if condition="a"><then>` + guideLogger + `</then></if>`,
		"entity":   `<logger name="com.broadhop.utilities.zmq.upgrade.ZMQInService&#85;pgradeMgr" level="warn"/>`,
	} {
		t.Run(name, func(t *testing.T) {
			l := logback(t, "<configuration>\n"+body+"\n</configuration>\n")
			for _, edit := range []func() (*cps.Logback, bool, error){l.WithUpgradeLogger, l.WithoutUpgradeLogger} {
				_, changed, err := edit()
				require.ErrorIs(t, err, cps.ErrLogger)
				require.ErrorContains(t, err, "logback.xml:2: ")
				require.False(t, changed)
			}
			require.Equal(t, cps.Warning, l.Findings()[0].Severity)
		})
	}
	for _, in := range []string{"<configuration/>", "<a:configuration xmlns:a='u'></a:configuration>"} {
		_, _, err := logback(t, in).WithUpgradeLogger()
		require.ErrorContains(t, err, "by hand", in)
	}
}

func TestParseLogbackErrors(t *testing.T) {
	for in, want := range map[string]string{
		"":         "l:1:1: not a logback.xml: there is no configuration in it",
		"<log4j/>": "l:1:1: not a logback.xml: its one root must be configuration",
		"<configuration>\n <root>\n</configuration>\n":                                  "l:3:17: not an XML document: the tags do not match",
		"<configuration></configuration>\n<configuration/>":                             "l:2:1: not a logback.xml: its one root",
		"<configuration></configuration> canary":                                        "l:1:32: not an XML document: text outside",
		"<configuration>\n<logger/></configuration>":                                    "l:2:1: logger without a name",
		"<configuration>\n<appender name=' '/></configuration>":                         "l:2:1: appender without a name",
		"<configuration a='canary' a='canary'/>":                                        "l:1:1: attribute a given twice",
		"<configuration><password>&canary;</password></configuration>":                  "not an XML document",
		"<configuration><password>canary":                                               "not an XML document",
		"<?xml version='1.0' encoding='iso-8859-1'?>\n<configuration>ä</configuration>": `l:1:1: the file says that its encoding is "iso-8859-1"`,
		"<configuration>\xe4</configuration>":                                           "l:1:16: not a text file",
		"<configuration>\x00</configuration>":                                           "l:1:16: not a text file",
	} {
		_, err := cps.ParseLogback(text("l", in))
		requireError(t, err, want)
		require.NotContains(t, err.Error(), "canary")
	}
	logback(t, "<?xml version='1.0' encoding='iso-8859-1'?>\n<!DOCTYPE configuration>\n<configuration/>\n\n")
}

// CPS-015, CPS-016, CPS-163: what is to be merged by hand, file by file, and no password of it.
func TestReviewLogback(t *testing.T) {
	saved, current := os.DirFS("testdata/logback/saved"), os.DirFS("testdata/logback/current")
	var b strings.Builder
	for _, f := range cps.ReviewLogback(saved, current) {
		fmt.Fprintln(&b, f)
	}
	golden.Check(t, "logback-review.txt", b.String())
	require.NotContains(t, b.String(), "Hunter2")

	below := fstest.MapFS{}
	for _, name := range cps.LogbackFiles() {
		data, err := os.ReadFile("testdata/logback/saved" + name)
		require.NoError(t, err)
		below[strings.TrimPrefix(name, "/etc/broadhop/")] = &fstest.MapFile{Data: data}
	}
	require.Len(t, cps.ReviewLogback(below, current), strings.Count(b.String(), "\n"), "as they lie in "+cps.LogbackBackup)
	require.Empty(t, cps.ReviewLogback(current, current))

	delete(below, "controlcenter/logback.xml")
	below["logback-pb.xml"] = &fstest.MapFile{Data: []byte("<x/>")}
	found := rows(cps.ReviewLogback(below, current))
	require.Equal(t, 2, found["CPS-016"])
	require.Equal(t, 5, rows(cps.ReviewLogback(fstest.MapFS{}, current))["CPS-016"])
	require.Equal(t, 5, rows(cps.ReviewLogback(current, fstest.MapFS{}))["CPS-015"])
	pipe := cps.ReviewLogback(fstest.MapFS{"logback.xml": {Mode: os.ModeNamedPipe}}, current)
	require.Contains(t, fmt.Sprint(pipe), "logback.xml is not a regular file")
	require.NotContains(t, b.String(), "logger "+cps.UpgradeLogger, "it was there for the migration alone")
}

// CPS-163.
func TestLogbackChanges(t *testing.T) {
	of := func(old, latest string) []string {
		var all []string
		for _, c := range cps.LogbackChanges(logback(t, "<configuration>"+old+"</configuration>"),
			logback(t, "<configuration>"+latest+"</configuration>")) {
			all = append(all, c.String())
		}
		return all
	}
	require.Empty(t, of(`<logger name="a" level="info"/><logger name="b"/>`,
		`<!-- x --><logger name="b"></logger> <logger level="info" name="a" />`))
	require.Empty(t, of(`<x> a </x>`, `<x>a</x>`))
	require.Equal(t, []string{"logger a: level info in the old file, warn in the new one"},
		of(`<logger name="a" level="info"/>`, `<logger name="a" level="warn"/>`))
	require.Equal(t, []string{"logger a: only in the old file", "logger A: only in the new file"},
		of(`<logger name="a"/>`, `<logger name="A"/>`))
	require.Equal(t, []string{"appender a: not the same in the old file and in the new one"},
		of(`<appender name="a"><file>x</file></appender>`, `<appender name="a"><file>y</file></appender>`))
	require.Equal(t, []string{"include /x: only in the old file"}, of(`<include file="/x"/><include file="/y"/>`, `<include file="/y"/>`))
	require.Equal(t, []string{"logger a: only in the old file"}, of(`<logger name="a"/><logger name="a"/>`, `<logger name="a"/>`))
	require.Equal(t, []string{"configuration: the entries stand in another order"},
		of(`<property name="a"/><property name="b"/>`, `<property name="b"/><property name="a"/>`))
	require.Equal(t, []string{"x: not the same in the old file and in the new one"}, of(`<x><a>b</a></x>`, `<x><a></a>b</x>`))
}

// A password of an appender shows in no form of printing.
func TestLogbackSecretsStayHidden(t *testing.T) {
	l := logback(t, "<configuration><appender name='m'><password>Hunter2</password></appender></configuration>")
	for _, verb := range []string{"%v", "%+v", "%#v", "%x"} {
		shown := fmt.Sprintf(verb, l) + fmt.Sprintf(verb, *l) + fmt.Sprintf(verb, l.Entries)
		require.NotContains(t, shown, "Hunter2")
		require.NotContains(t, shown, fmt.Sprintf("%x", "Hunter2"))
	}
	require.Contains(t, printed(t, l), "Hunter2")
}

// Put the logger of the guide in for a migration.
func ExampleParseLogback() {
	l, err := cps.ParseLogback(strings.NewReader("<configuration>\n  <logger name=\"com.broadhop\" level=\"warn\"/>\n</configuration>\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	with, changed, err := l.WithUpgradeLogger()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(changed)
	if _, err := with.WriteTo(os.Stdout); err != nil {
		fmt.Println(err)
	}
	// Output:
	// true
	// <configuration>
	//   <logger name="com.broadhop" level="warn"/>
	//   <logger name="com.broadhop.utilities.zmq.upgrade.ZMQInServiceUpgradeMgr" level="debug"/>
	// </configuration>
}

func FuzzParseLogback(f *testing.F) {
	f.Add(fixture(f, "logback/saved/etc/broadhop/logback.xml"))
	f.Add(fixture(f, "logback/current/etc/broadhop/logback.xml"))
	f.Add("\ufeff<configuration>\r\n<a>&#85;<![CDATA[</configuration>]]></a>\t</configuration>")
	f.Fuzz(func(t *testing.T, in string) {
		l, err := cps.ParseLogback(strings.NewReader(in))
		if err != nil {
			return
		}
		require.Equal(t, in, printed(t, l))
		require.Empty(t, cps.LogbackChanges(l, l))
		l.Findings()
		with, changed, err := l.WithUpgradeLogger()
		if err != nil || !changed {
			return
		}
		require.Len(t, cps.LogbackChanges(l, with), 1)
		without, changed, err := with.WithoutUpgradeLogger()
		require.NoError(t, err)
		require.True(t, changed)
		require.Equal(t, in, printed(t, without))
	})
}
