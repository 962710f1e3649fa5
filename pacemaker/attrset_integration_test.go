//go:build integration

package pacemaker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Pacemaker's own tool and Effective say the same of sets with equal and different scores, and of what stands twice.
func TestEffectiveAsCrmResource(t *testing.T) {
	tool, err := exec.LookPath("crm_resource")
	if err != nil {
		t.Skip("no crm_resource: install pacemaker-cli-utils")
	}
	for i, sets := range []string{
		`<instance_attributes id="s1" %s><nvpair id="n1" name="fake" value="one"/></instance_attributes><instance_attributes id="s2" %s><nvpair id="n2" name="fake" value="two"/></instance_attributes>`,
		`<instance_attributes id="s1" %s><nvpair id="n1" name="fake" value="one"/><nvpair id="n3" name="fake" value="three"/></instance_attributes><instance_attributes id="s2" %s><nvpair id="n2" name="fake" value="two"/></instance_attributes>`,
		`<instance_attributes id="s1" %s><nvpair id="n1" name="fake" value=""/></instance_attributes><instance_attributes id="s2" %s><nvpair id="n2" name="other" value="two"/></instance_attributes>`,
		`<instance_attributes id="s1" %s><nvpair id="n1" name="fake" value="one"/></instance_attributes><instance_attributes id="s2" %s><nvpair id="n2" name="fake" value="#default"/></instance_attributes>`,
	} {
		for _, scores := range [][2]string{{"", ""}, {"", `score="-5"`}} {
			text := fmt.Sprintf(`<cib crm_feature_set="3.0.14" validate-with="pacemaker-2.0" epoch="1" num_updates="0" admin_epoch="0"><configuration><crm_config/><nodes/><resources>`+
				`<primitive id="a" class="ocf" provider="pacemaker" type="Dummy">`+sets+
				`</primitive></resources><constraints/></configuration><status/></cib>`, scores[0], scores[1])
			path := filepath.Join(t.TempDir(), "cib.xml")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			cmd := exec.CommandContext(t.Context(), tool, "--resource", "a", "--get-parameter", "fake")
			cmd.Env = append(os.Environ(), "CIB_file="+path)
			out, err := cmd.Output()
			r, _ := parseCIB(t, text).Resource("a")
			value, has := r.Instance.Get("fake")
			require.Equal(t, strings.TrimSuffix(string(out), "\n"), value, "case %d, scores %q", i, scores)
			if value != "" {
				require.Equal(t, err == nil, has, "case %d, scores %q", i, scores)
			}
		}
	}
}
