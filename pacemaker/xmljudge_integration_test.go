//go:build integration

package pacemaker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/golden"
	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
)

// What Pacemaker's own XML reader finds well-formed is not refused as XML, and what it finds broken is not accepted: xmllint judges
// thousands of documents that were well-formed before they were damaged.
func TestSameAsLibxml2(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("no xmllint: install libxml2-utils")
	}
	seeds := judgeSeeds(t)
	random := rand.New(rand.NewPCG(1, 2)) // the same documents every time
	const documents = 12_000
	dir := t.TempDir()
	texts := make(map[string][]byte, documents)
	var paths []string
	for i := range documents {
		text := bytes.Clone(seeds[i%len(seeds)])
		for range i / len(seeds) % 3 { // the first round is not damaged at all
			text = damage(random, text)
		}
		path := filepath.Join(dir, fmt.Sprintf("%05d.xml", i))
		require.NoError(t, os.WriteFile(path, text, 0o600))
		texts[path] = text
		paths = append(paths, path)
	}
	broken := judged(t, xmllint, paths)

	good, bad, ours := 0, 0, 0
	for _, path := range paths {
		text := texts[path]
		refusal := wellFormed(text)
		switch {
		case refusal == nil && broken[path] != "":
			t.Errorf("accepted, but xmllint refuses it (%s): %q", broken[path], text)
		case refusal != nil && broken[path] == "":
			if deliberate(refusal.Error()) {
				ours++
				continue
			}
			t.Errorf("refused (%v), but xmllint accepts it: %q", refusal, text)
		case refusal == nil:
			good++
		default:
			bad++
		}
	}
	t.Logf("%d documents from %d seeds: %d well-formed, %d broken, %d refused on purpose (a document type, another encoding)",
		documents, len(seeds), good, bad, ours)
	require.Greater(t, good, 2000)
	require.Greater(t, bad, 4000)
}

// wellFormed is what ParseCIB says of a text before it looks at what the elements are.
func wellFormed(text []byte) error {
	data, err := srcerr.ReadText(bytes.NewReader(text))
	if err != nil {
		return err
	}
	if _, err := scanXML("", data); err != nil {
		return err
	}
	return nil
}

// deliberate refusals are those of things that XML allows and no CIB has, and of an XML declaration that libxml2 puts up with.
func deliberate(message string) bool {
	for _, text := range []string{"a document type or other declaration is refused", "encoding is not UTF-8",
		"not a text file", "the XML declaration"} {
		if strings.Contains(message, text) {
			return true
		}
	}
	return false
}

// judged are the files that xmllint finds broken.
func judged(t *testing.T, xmllint string, paths []string) map[string]string {
	t.Helper()
	broken := make(map[string]string)
	for len(paths) > 0 {
		n := min(len(paths), 1000)
		cmd := exec.CommandContext(t.Context(), xmllint, append([]string{"--noout", "--nonet"}, paths[:n]...)...)
		paths = paths[n:]
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run() // its status is that of the last file
		for line := range strings.Lines(stderr.String()) {
			path, rest, ok := strings.Cut(line, ".xml:")
			if ok && strings.Contains(rest, "parser error") && broken[path+".xml"] == "" {
				broken[path+".xml"] = strings.TrimSpace(rest)
			}
		}
	}
	return broken
}

// judgeSeeds are well-formed documents: every form that XML has, and the small CIBs of the corpus.
func judgeSeeds(t *testing.T) [][]byte {
	t.Helper()
	seeds := [][]byte{
		[]byte("<?xml version='1.0' encoding=\"UTF-8\" standalone='yes'?>\n<!-- c - c --><cib a='1' " +
			"b=\"&lt;&#10;&#xA;\"><x:y xmlns:x='u' x:z=''>t &amp; <![CDATA[<]]>&gt;</x:y><?pi d?><e/></cib>\n<!---->"),
		[]byte("<cib><configuration><nodes><node id=\"1\" uname='n'/></nodes></configuration ></cib\n>"),
		[]byte("<cib é='ü' _a.b-c='1'>]] ></cib><?p?>"),
		[]byte("<a><b c = '&quot;&apos;' \t d=\"'\"\r\n/></a>"),
	}
	files := []string{"testdata/" + imlCIB}
	if os.Getenv("EVENKEEL_CORPUS") != "" {
		files = append(files, golden.CorpusCIBs(t)...)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		if len(data) < 6000 {
			seeds = append(seeds, data)
		}
	}
	return seeds
}

// damage changes a document in one place, near markup more often than not.
func damage(random *rand.Rand, text []byte) []byte {
	if len(text) < 2 {
		return text
	}
	at := random.IntN(len(text))
	if random.IntN(3) > 0 { // go to the next piece of markup
		if i := bytes.IndexAny(text[at:], "<>\"'=/&;!?-]"); i >= 0 {
			at += i
		}
	}
	pieces := []string{
		"<", ">", "/", "=", "\"", "'", "&", ";", "&amp;", "&#0;", "&#65;", "&#xD800;", "&nbsp;", "<!--", "-->", "--",
		"<![CDATA[", "]]>", "<?", "?>", "<?xml version='1.0'?>",
		" ", "\n", "\t", "x", "0", "-", ".", ":", "é", "\u00d7", "\u2028", "\x01", "\ufffe", "<a/>", "</a>", "a='1' ",
		" id=\"1\"", "<!DOCTYPE cib>", "!", "[", "]", "\r",
	}
	piece := []byte(pieces[random.IntN(len(pieces))])
	switch random.IntN(6) {
	case 0: // cut off
		return text[:at]
	case 1: // take out
		end := min(len(text), at+1+random.IntN(4))
		return append(bytes.Clone(text[:at]), text[end:]...)
	case 2: // twice
		end := min(len(text), at+1+random.IntN(40))
		return append(bytes.Clone(text[:end]), text[at:]...)
	case 3: // exchanged
		return append(append(bytes.Clone(text[:at]), piece...), text[at+1:]...)
	}
	return append(append(bytes.Clone(text[:at]), piece...), text[at:]...)
}
