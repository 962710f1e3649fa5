package pacemaker

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/pacemaker/corosync"
)

// manifest is the last column of the corpus's list, by path: what another reader said of the file.
func manifest(t testing.TB) map[string]string {
	t.Helper()
	f, err := os.Open(golden.Corpus(t, "cluster", "MANIFEST.tsv"))
	require.NoError(t, err)
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	require.NoError(t, err)
	oracle := make(map[string]string)
	for _, row := range rows[1:] {
		oracle[row[0]] = row[len(row)-1]
	}
	return oracle
}

// PCM-001: every CIB of the corpus parses and prints byte for byte; those whose root is another element are refused with their place.
func TestCorpusCIBs(t *testing.T) {
	oracle := manifest(t)
	parsed, refused := 0, 0
	for _, path := range golden.CorpusCIBs(t) {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		f, err := os.Open(path)
		require.NoError(t, err)
		cib, err := ParseCIB(f)
		require.NoError(t, f.Close())
		if root := rootTag(data); root != "cib" {
			var parseErr *ParseError
			require.ErrorAs(t, err, &parseErr, path)
			require.Equal(t, path, parseErr.File)
			require.Positive(t, parseErr.Line)
			refused++
			continue
		}
		require.NoError(t, err)
		parsed++
		var out bytes.Buffer
		_, err = cib.WriteTo(&out)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, out.Bytes()), "%s does not print as it was read", path)

		// An edit that changes nothing keeps the meaning, through print and read.
		edited := cib.Clone()
		edited.Edit()
		text, err := edited.Query()
		require.NoError(t, err)
		again, err := ParseCIB(bytes.NewReader(text))
		require.NoError(t, err, path)
		require.Empty(t, Diff(cib, again), path)
		set := infoset(cib.Root())
		require.True(t, slices.Equal(set, infoset(again.Root())), "%s does not keep its information set", path)
		require.True(t, slices.Equal(standardInfoset(t, data), blankAttributes(set)), "%s reads otherwise than with encoding/xml", path)
	}
	require.NotEmpty(t, oracle)
	t.Logf("%d CIBs parsed, %d refused", parsed, refused)
	require.Greater(t, parsed, 1200)
}

// rootTag is the root element as encoding/xml sees it.
func rootTag(data []byte) string {
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		switch t, err := d.Token(); e := t.(type) {
		case xml.StartElement:
			return e.Name.Local
		default:
			if err != nil {
				return ""
			}
		}
	}
}

// PCM-010: corosync.conf of every release reads as pcs reads it, and prints byte for byte.
func TestCorpusCorosync(t *testing.T) {
	oracle := manifest(t)
	parsed, refused := 0, 0
	for _, dir := range []string{golden.Corpus(t, "cluster", "corosync"), golden.Corpus(t, "iml", "corosync")} {
		for _, path := range golden.FilesUnder(t, dir, "") {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			conf, err := corosync.Parse(bytes.NewReader(data))
			verdict := oracle["corosync/"+filepath.Base(path)]
			if strings.HasPrefix(verdict, "pcs_parse=") && verdict != "pcs_parse=ok" {
				require.Error(t, err, "%s: %s", path, verdict)
				refused++
				continue
			}
			require.NoError(t, err, "%s: %s", path, verdict)
			var out bytes.Buffer
			_, err = conf.WriteTo(&out)
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, out.Bytes()), "%s does not print as it was read", path)
			parsed++
		}
	}
	t.Logf("%d corosync.confs parsed, %d refused, all as pcs does", parsed, refused)
}

// Every crm_mon answer of the corpus reads, and the answers of other tools are told apart from a cluster without nodes.
func TestCorpusStatus(t *testing.T) {
	parsed, other := 0, 0
	for _, dir := range []string{golden.Corpus(t, "cluster", "crm_mon"), golden.Corpus(t, "simulated")} {
		for _, path := range golden.FilesUnder(t, dir, ".xml") {
			if strings.HasSuffix(path, "cib.xml") {
				continue
			}
			f, err := os.Open(path)
			require.NoError(t, err)
			status, err := ParseStatus(f)
			require.NoError(t, f.Close())
			var statusErr *StatusError
			if errors.As(err, &statusErr) {
				command, _, _ := strings.Cut(statusErr.Request, " ")
				require.False(t, filepath.Base(command) == "crm_mon" && statusErr.Code == 0, "%s: %v", path, err)
				other++
				continue
			}
			require.NoError(t, err, path)
			require.NotEmpty(t, append(len2(status.Nodes), len2(status.Resources)...), path)
			parsed++
		}
	}
	t.Logf("%d crm_mon answers parsed, %d answers of other tools", parsed, other)
	require.Greater(t, parsed, 50)
}

func len2[T any](s []T) []int {
	if len(s) == 0 {
		return nil
	}
	return []int{len(s)}
}
