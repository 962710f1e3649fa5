package backup

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// sumsName is the file with the digests of all other files, as sha256sum prints them: whoever has extracted an archive
// and has no evenkeel at hand checks it with
//
//	cd bck-HOST-YYYYmmdd-HHMMSS && sha256sum -c evenkeel-sha256sums.txt
//
// https://www.gnu.org/software/coreutils/manual/html_node/md5sum-invocation.html
const sumsName = "evenkeel-sha256sums.txt"

// sumsText is that file for digests by absolute path.
func sumsText(sums map[string]string) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		shortened := "." + name
		escaped := sumsEscape.Replace(shortened)
		if escaped != shortened {
			b.WriteByte('\\')
		}
		b.WriteString(sums[name] + "  " + escaped + "\n")
	}
	return b.Bytes()
}

var sumsEscape = strings.NewReplacer("\n", `\n`, "\r", `\r`, `\`, `\\`)

// text is the record as it stands in an archive: one line for each file.
func (r *Record) text() ([]byte, error) {
	head := *r
	head.Files = []FileRecord{}
	data, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return nil, err
	}
	b := bytes.NewBuffer(bytes.TrimSuffix(data, []byte("]\n}")))
	for i, f := range r.Files {
		line, err := json.Marshal(f)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		b.Write(line)
	}
	b.WriteString("\n  ]\n}\n")
	return b.Bytes(), nil
}
