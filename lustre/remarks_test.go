package lustre_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/lustre"
)

// benignWarning is the guide's example (lustre:573-583).
const benignWarning = `...
  /var/tmp/rpm-tmp.MV5LGi: line 5: /selinux/enforce: No such file or directory
  []

  {
    "result": null,
    "success": true
  }
...
`

// LUS-026: the guide's warning is harmless with its answer, and with no other; no other warning is.
func TestReadInstall(t *testing.T) {
	read := func(text string) (harmless, other int) {
		t.Helper()
		remarks, err := lustre.ReadInstall(strings.NewReader(text))
		require.NoError(t, err)
		open := lustre.Unexplained(remarks)
		return len(remarks) - len(open), len(open)
	}
	for name, c := range map[string]struct {
		text            string
		harmless, other int
	}{
		"nothing":                    {"Installed:\n  chroma-agent.x86_64\nComplete!\n", 0, 0},
		"the guide's":                {benignWarning, 1, 0},
		"on one line":                {strings.NewReplacer("{\n    ", "{", ",\n", ",", "true\n  }", "true}").Replace(benignWarning), 1, 0},
		"twice":                      {benignWarning + benignWarning, 2, 0},
		"without an answer":          {strings.ReplaceAll(benignWarning, "success", "done"), 0, 1},
		"success false":              {strings.ReplaceAll(benignWarning, "true", "false"), 0, 2},
		"a result":                   {strings.ReplaceAll(benignWarning, "null", `{"a": 1}`), 0, 2},
		"an answer that is cut off":  {strings.ReplaceAll(benignWarning, "}", ""), 0, 2},
		"the answer before it":       {strings.SplitAfter(benignWarning, "[]\n")[1] + strings.SplitAfter(benignWarning, "[]\n")[0], 0, 1},
		"another file":               {strings.ReplaceAll(benignWarning, "/selinux/enforce", "/etc/chroma.cfg"), 0, 1},
		"another error of that file": {strings.ReplaceAll(benignWarning, "No such file or directory", "Permission denied"), 0, 1},
		"of another place":           {strings.ReplaceAll(benignWarning, "/var/tmp/rpm-tmp.MV5LGi", "/root/x"), 0, 1},
		"a failed answer alone":      {"{\"success\": false, \"result\": null}\n", 0, 1},
		"no key":                     {"warning: /var/cache/yum/a.rpm: Header V3 RSA/SHA256 Signature, key ID 352c64e5: NOKEY\n", 1, 0},
		"a bad signature":            {"error: /var/cache/yum/a.rpm: Header V3 RSA/SHA256 Signature, key ID 352c64e5: BAD\n", 0, 1},
		"rpmnew":                     {"warning: /etc/ntp.conf created as /etc/ntp.conf.rpmnew\n", 1, 0},
		"rpmsave":                    {"warning: /etc/ntp.conf saved as /etc/ntp.conf.rpmsave\n", 0, 1},
		"a scriptlet":                {"Non-fatal POSTIN scriptlet failure in rpm package chroma-agent\n", 0, 1},
		"a traceback":                {"Traceback (most recent call last):\n", 0, 1},
		"a disk that is full":        {"cp: cannot create x: No space left on device\n", 0, 1},
		// LUS-025: yum leaves out what it has not, and exits 0.
		"no package": {"No package krb5-devel available.\nComplete!\n", 0, 1},
	} {
		harmless, other := read(c.text)
		require.Equal(t, []int{c.harmless, c.other}, []int{harmless, other}, name)
	}
	remarks, err := lustre.ReadInstall(strings.NewReader(benignWarning))
	require.NoError(t, err)
	require.Equal(t, 2, remarks[0].Line)
	require.Contains(t, remarks[0].String(), "harmless: there is no SELinux")
	require.NotContains(t, lustre.Remark{Line: 1, Text: "warning: x"}.String(), "harmless")
}

// LUS-023: what belongs to the kernel is of one build, whichever is installed beside it.
func TestCheckKernel(t *testing.T) {
	const one = "3.10.0-862.2.3.el7_lustre"
	list := func(change func(map[string]string)) []lustre.Build {
		have := map[string]string{}
		for _, name := range lustre.KernelPackages() {
			have[name] = one
		}
		change(have)
		var text strings.Builder
		for name, v := range have {
			text.WriteString(name + " " + v + "\n")
		}
		text.WriteString("kernel 3.10.0-862.14.4.el7\n")
		out, err := lustre.ParseBuilds(strings.NewReader(text.String()))
		require.NoError(t, err)
		return out
	}
	v, err := lustre.CheckKernel(list(func(map[string]string) {}), "")
	require.NoError(t, err)
	require.Equal(t, one, v)
	_, err = lustre.CheckKernel(list(func(map[string]string) {}), one)
	require.NoError(t, err)
	_, err = lustre.CheckKernel(list(func(map[string]string) {}), "3.10.0-693.el7")
	require.ErrorContains(t, err, "3.10.0-693.el7 was asked for")
	_, err = lustre.CheckKernel(list(func(m map[string]string) { m["kernel-tools"] = "3.10.0-862.14.4.el7" }), "")
	require.ErrorContains(t, err, "kernel-tools is 3.10.0-862.14.4.el7, and kernel-devel is "+one)
	_, err = lustre.CheckKernel(list(func(m map[string]string) { delete(m, "kernel-headers") }), "")
	require.ErrorContains(t, err, "kernel-headers is not installed")
	_, err = lustre.CheckKernel(nil, "")
	require.Error(t, err)
	_, err = lustre.ParseBuilds(strings.NewReader("package kernel-tools is not installed\n"))
	require.Error(t, err)
}
