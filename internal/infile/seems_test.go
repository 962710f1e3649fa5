package infile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/infile"
)

// A file that is no input is named for what it is, and nothing of it is shown; what may be one keeps its own error.
func TestWhyNamesWhatAFileSeemsToBe(t *testing.T) {
	own := errors.New("column Role is missing")
	for want, text := range map[string]string{
		"it is empty":              " \n",
		"a key or a certificate":   "# mine\n-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n",
		"such as /etc/shadow":      "root:$6$canary$x:19000:0:99999:7:::\n",
		"such as /etc/passwd":      "root:x:0:0:canary:/root:/bin/bash\n",
		"such as /etc/group":       "root:x:0:canary\n",
		"a program":                "\x7fELF\x02\x01canary",
		"compressed (zip)":         "PK\x03\x04canary",
		"a web page":               "<!DOCTYPE html><title>canary</title>",
		"it is no text":            "canary\x00\x01",
		"text in UTF-16":           "\xff\xfec\x00a\x00n\x00a\x00r\x00y\x00",
		"text in UTF-16: save it":  "\xfe\xff\x00c\x00a\x00n\x00a\x00r\x00y",
		"column Role is missing":   "Hypervisor Name,Guest Name\n",
		"column Role is missing  ": "\x1f\x8b\x08canary\x00",
		"column Role is missing ":  "totem {\n  version: 2\n}\n",
	} {
		name := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		err := infile.Why(name, own)
		if errors.Is(err, infile.ErrOther) {
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, name+": not a file that this tool reads: ")
			require.NotContains(t, err.Error(), "canary")
		} else {
			require.Equal(t, own, err, want)
			require.Contains(t, want, own.Error())
		}
	}
	require.NoError(t, infile.Why("nowhere", nil))
	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	require.Equal(t, infile.ErrTooLarge, infile.Why(empty, infile.ErrTooLarge))
	require.Equal(t, own, infile.Why("nowhere", own))
	require.NoError(t, infile.Other("cib.xml", []byte(`<cib epoch="1"/>`)))
}

// A packed file is told by how it begins, however large it is.
func TestPacked(t *testing.T) {
	for text, want := range map[string]string{
		"\x1f\x8b\x08":                           "gzip",
		"BZh91AY":                                "bzip2",
		"\xfd7zXZ\x00":                           "xz",
		"\x28\xb5\x2f\xfd":                       "zstd",
		"PK\x03\x04":                             "zip",
		strings.Repeat("x", 257) + "ustar\x0000": "tar",
		"":                                       "",
		"Hypervisor Name,Guest Name\n":           "",
		strings.Repeat("x", 256) + "ustar\x0000": "",
		"# BZh is how an archive of bzip2 begins\n": "",
	} {
		name := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		require.Equal(t, want, infile.Packed(name), "%q", text)
	}
	require.Empty(t, infile.Packed("nowhere"))
	require.Empty(t, infile.Packed(t.TempDir()))
}
