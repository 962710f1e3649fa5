package main

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestVersion: the version of a release is that of every binary.
func TestVersion(t *testing.T) {
	changes, err := os.ReadFile("../../CHANGELOG.md")
	require.NoError(t, err)
	first := heading.FindSubmatch(changes)
	require.NotNil(t, first)
	for _, name := range names() {
		source, err := os.ReadFile(filepath.Join("../../examples", name, "main.go"))
		require.NoError(t, err)
		require.Contains(t, string(source), `const version = "`+string(first[1])+`"`)
	}
	for text, want := range map[string]string{"# C\n\n## 1.2.3 (unreleased)\n": " (unreleased)", "# C\n\n## 1.2.3\n\n## 1.2.2\n": ""} {
		m := heading.FindStringSubmatch(text)
		require.Equal(t, []string{"1.2.3", want}, m[1:], text)
	}
	require.Nil(t, heading.FindStringSubmatch("## soon\n"))
}

// TestPackageFiles: what nfpm.yaml takes is in the repository or made by this command, every path is absolute and has its mode.
func TestPackageFiles(t *testing.T) {
	raw, err := os.ReadFile("nfpm.yaml")
	require.NoError(t, err)
	var config struct {
		Contents []struct {
			Src, Dst string
			Expand   bool
			Info     struct{ Mode int } `yaml:"file_info"`
		}
	}
	require.NoError(t, yaml.Unmarshal(raw, &config))
	require.Greater(t, len(config.Contents), 8)
	for _, c := range config.Contents {
		require.Regexp(t, `^/usr/(bin|share)/`, c.Dst)
		require.True(t, c.Expand, c.Src)
		require.Contains(t, []int{0o644, 0o755}, c.Info.Mode, c.Src)
		if !strings.HasPrefix(c.Src, "${") {
			found, err := filepath.Glob(filepath.Join("../..", c.Src))
			require.NoError(t, err)
			require.NotEmpty(t, found, c.Src)
		}
	}
	used := regexp.MustCompile(`\$\{(\w+)\}`).FindAllStringSubmatch(string(raw), -1)
	source, err := os.ReadFile("packages.go")
	require.NoError(t, err)
	for _, u := range used {
		require.Contains(t, string(source), `"`+u[1]+`=`, "nobody sets ${%s}", u[1])
	}
}

func TestEmptied(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, emptied(filepath.Join(dir, "new")))
	mine := filepath.Join(dir, "thesis")
	require.NoError(t, os.WriteFile(mine, []byte("years"), 0o600))
	require.ErrorContains(t, emptied(dir), "not of a release")
	require.FileExists(t, mine)
	require.NoError(t, os.WriteFile(filepath.Join(dir, sumsFile), nil, 0o600))
	require.NoError(t, emptied(dir))
	require.NoFileExists(t, mine)
}

func TestCompressed(t *testing.T) {
	dir := t.TempDir()
	require.ErrorContains(t, compressed(dir), "no man page")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.1"), []byte(".TH A 1\n"), 0o600))
	require.NoError(t, compressed(dir))
	require.NoFileExists(t, filepath.Join(dir, "a.1"))
	f, err := os.Open(filepath.Join(dir, "a.1.gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	require.True(t, z.ModTime.IsZero(), "the same page gives the same bytes")
	text, err := io.ReadAll(z)
	require.NoError(t, err)
	require.Equal(t, ".TH A 1\n", string(text))
}

func TestStatic(t *testing.T) {
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Skip("there is no /bin/sh to look at")
	}
	require.False(t, static(shell), "it is linked with libc")
	require.False(t, static([]byte("#!/bin/sh\n")), "it is no program")
}
