//go:build integration

package pacemaker

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
)

// schemaChecks are the checks that the schemas make as well; the others look further.
var schemaChecks = []string{"missing-attribute", "unknown-name", "bad-value", "structure"}

// What a schema of Pacemaker's allows is no fault here, and most of what it refuses is one: xmllint judges the CIBs of the corpus and
// changed copies of them, each by its own schema.
func TestValidateAsTheSchemas(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("no xmllint: install libxml2-utils")
	}
	dir := t.TempDir()
	bySchema := make(map[string][]string)
	cibs := make(map[string]*CIB)
	changes := make(map[string]string)
	add := func(schema, change string, text []byte) {
		c, err := ParseCIB(bytes.NewReader(text))
		if err != nil {
			return
		}
		path := filepath.Join(dir, fmt.Sprintf("%06d.xml", len(cibs)))
		require.NoError(t, os.WriteFile(path, text, 0o600))
		bySchema[schema] = append(bySchema[schema], path)
		cibs[path], changes[path] = c, change
	}
	for i, path := range golden.CorpusCIBs(t) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		c, err := ParseCIB(bytes.NewReader(data))
		if err != nil || len(data) > 100_000 {
			continue
		}
		schema := filepath.Join(schemaDir, c.Header().ValidateWith+".rng")
		root, err := readX(data)
		if _, missing := os.Stat(schema); err != nil || missing != nil || c.Header().ValidateWith == "" {
			continue
		}
		add(schema, filepath.Base(path), data)
		all := mutationsOf(root, "", nil)
		for n := range 6 {
			m := all[(n*len(all)/6+i)%len(all)]
			undo := m.do()
			var b strings.Builder
			root.print(&b)
			undo()
			add(schema, filepath.Base(path)+": "+m.what, []byte(b.String()))
		}
	}
	allowed, refused, missed := 0, 0, 0
	missedBy := make(map[string]int)
	for schema, paths := range bySchema {
		bad := refusedBy(t, xmllint, schema, paths)
		for _, path := range paths {
			var faults []string
			anyFault := false
			for _, p := range cibs[path].Validate() {
				anyFault = anyFault || p.Severity == Fault && p.Check != "no-fencing-device"
				// to a schema a time is any text
				if p.Severity == Fault && slices.Contains(schemaChecks, p.Check) && !strings.Contains(p.Error(), "is no time") {
					faults = append(faults, p.Error())
				}
			}
			switch {
			case !bad[path]:
				allowed++
				if len(faults) > 0 {
					t.Errorf("%s allows %s, but %q", filepath.Base(schema), changes[path], faults)
				}
			case !anyFault:
				missed++
				_, what, _ := strings.Cut(changes[path], ": ") // FILE: PATH what was done
				_, what, _ = strings.Cut(what, " ")
				if words := strings.Fields(what); len(words) > 2 {
					what = words[0] + " " + words[1]
				}
				missedBy[what]++
				refused++
			default:
				refused++
			}
		}
	}
	t.Logf("%d CIBs by %d schemas: %d allowed, %d refused, of which %d have no fault here: %v", len(cibs), len(bySchema),
		allowed, refused, missed, missedBy)
	require.Greater(t, allowed, 500)
	require.Less(t, missed, refused/10)
}

// refusedBy are the files that a schema refuses.
func refusedBy(t *testing.T, xmllint, schema string, paths []string) map[string]bool {
	t.Helper()
	bad := make(map[string]bool)
	for chunk := range slices.Chunk(paths, 1000) {
		cmd := exec.CommandContext(t.Context(), xmllint, append([]string{"--noout", "--nonet", "--relaxng", schema}, chunk...)...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run() // its status is that of one file
		verdicts := 0
		for line := range strings.Lines(stderr.String()) {
			line = strings.TrimSpace(line)
			if path, ok := strings.CutSuffix(line, " fails to validate"); ok {
				bad[path] = true
				verdicts++
			} else if strings.HasSuffix(line, " validates") {
				verdicts++
			}
		}
		require.Equal(t, len(chunk), verdicts, "%s: %s", schema, stderr.String())
	}
	return bad
}
