package page

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel"
)

// Even a text that nobody escaped makes no link, no image, no heading and no HTML.
func TestProseThatNobodyEscaped(t *testing.T) {
	got, err := render(evenkeel.Prose("# [x](http://e) ![x](http://e) <b>x</b> <http://e> *own* `code`\n\n<div>\n\n- one\n"))
	require.NoError(t, err)
	require.Regexp(t, `<em>own</em> <code>code</code>`, string(got))
	require.NotRegexp(t, `<(a|img|b|div|h1)\b`, string(got))
}
