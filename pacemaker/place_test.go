package pacemaker_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/evenkeel-ha/evenkeel/internal/srcerr"
	"github.com/evenkeel-ha/evenkeel/pacemaker"
)

func TestErrorAt(t *testing.T) {
	const text = "<cib>\n <configuration><resources>\n  <primitive id=\"a\" class=\"ocf\" provider=\"lustre\" type=\"Lustre\"/>\n" +
		"</resources></configuration>\n</cib>\n"
	cib, err := pacemaker.ParseCIB(srcerr.Named("x.xml", strings.NewReader(text)))
	require.NoError(t, err)
	require.EqualError(t, cib.ErrorAt("a", "%d mistakes", 2), `x.xml:3:3: 2 mistakes: near "<primitive id=\"a\""`)
	at := cib.ErrorAt("b", "nothing")
	require.Equal(t, "x.xml", at.File)
	require.Zero(t, at.Line)
	require.Error(t, (*pacemaker.CIB)(nil).ErrorAt("a", "nothing"))
}

func TestTransientAttributes(t *testing.T) {
	const text = `<cib><configuration/><status>
<node_state id="1" uname="n1"><transient_attributes id="1"><instance_attributes id="status-1">
<nvpair id="status-1-pingd" name="pingd" value="1001"/></instance_attributes></transient_attributes></node_state>
<node_state id="2" uname="n2"/></status></cib>`
	cib, err := pacemaker.ParseCIB(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, []pacemaker.NVPair{{ID: "status-1-pingd", Name: "pingd", Value: "1001"}}, cib.TransientAttributes("n1"))
	require.Empty(t, cib.TransientAttributes("n2"))
	require.Empty(t, cib.TransientAttributes("n3"))
}
