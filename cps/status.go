package cps

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ClusterStatus is the answer of the Status API of a newly deployed Cluster Manager (cps:464-469).
type ClusterStatus struct {
	Status string                     // "ready" when the machine can be restored to; anything else means: ask again
	Other  map[string]json.RawMessage // fields this package does not know
}

// StatusURL is where the Status API of a Cluster Manager answers to GET, with the header Content-Type: application/json (cps:464).
func StatusURL(host string) string {
	if strings.Contains(host, ":") && !strings.HasPrefix(host, "[") {
		host = "[" + host + "]"
	}
	return "http://" + host + ":8458/api/system/status/cluman"
}

// Ready tells whether the machine can be restored to.
func (s ClusterStatus) Ready() bool { return s.Status == "ready" }

// ErrNoStatus is what ParseClusterStatus says of an answer without a status.
var ErrNoStatus = errors.New(`the answer has no "status"`)

// ParseClusterStatus reads the JSON object {"status": "ready"}. The words "Success Message:" may stand before it, as in the guide.
func ParseClusterStatus(r io.Reader) (*ClusterStatus, error) {
	src, err := readSource(r, "status API")
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	for _, l := range src.lines {
		text.WriteString(l.text + "\n")
	}
	body := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text.String()), "Success Message:"))
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		near, _, _ := strings.Cut(body, "\n")
		src.failf(1, 1, near, "not a JSON object: %w", err)
		return nil, src.err()
	}
	s := &ClusterStatus{Other: fields}
	raw, ok := fields["status"]
	if !ok {
		src.failf(1, 1, body, "%w", ErrNoStatus)
		return nil, src.err()
	}
	if err := json.Unmarshal(raw, &s.Status); err != nil || s.Status == "" {
		src.failf(1, 1, string(raw), "%w", fmt.Errorf("the status must be a word: %w", ErrNoStatus))
		return nil, src.err()
	}
	delete(fields, "status")
	return s, nil
}
