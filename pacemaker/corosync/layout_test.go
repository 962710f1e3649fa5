package corosync

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is added to a file is laid out as the file is: its indentation, its line ends, its habit of blank lines. What is removed again
// leaves the file as it was.
func TestWhatIsAddedLooksLikeTheFile(t *testing.T) {
	for name, test := range map[string]struct{ before, after string }{
		"tabs, no blank lines": {
			"totem {\n\tversion: 2\n\tinterface {\n\t\tringnumber: 0\n\t}\n}\nlogging {\n\tdebug: off\n}\n",
			"totem {\n\tversion: 2\n\ttoken: 17000\n\tinterface {\n\t\tringnumber: 0\n\t}\n\tinterface {\n\t\tringnumber: " +
				"1\n\t}\n}\nlogging {\n\tdebug: off\n}\n" +
				"nodelist {\n\tnode {\n\t\tnodeid: 1\n\t\tname: a\n\t}\n\tnode {\n\t\tnodeid: 2\n\t\tname: b\n\t}\n}\n",
		},
		"four blanks, as pcs writes": {
			"totem {\n    version: 2\n}\n\nlogging {\n    debug: off\n}\n",
			"totem {\n    version: 2\n    token: 17000\n    interface {\n        ringnumber: 1\n    }\n}\n\nlogging {\n    debug: off\n}\n\n" +
				"nodelist {\n    node {\n        nodeid: 1\n        name: a\n    }\n    node {\n        nodeid: 2\n        name: b\n    }\n}\n",
		},
		"CRLF, two blanks, a blank line at the end, no last line end": {
			"# by hand\r\ntotem {\r\n  version: 2\r\n\r\n  interface {\r\n    ringnumber: 0\r\n  }\r\n}\r\n\r\nquorum {\r\n  # votes\r\n}\r\n\r\n",
			"# by hand\r\ntotem {\r\n  version: 2\r\n  token: 17000\r\n\r\n  interface {\r\n    ringnumber: 0\r\n  }\r\n  " +
				"interface {\r\n    ringnumber: 1\r\n  }\r\n}\r\n\r\n" +
				"quorum {\r\n  # votes\r\n}\r\n\r\nnodelist {\r\n  node {\r\n    nodeid: 1\r\n    name: a\r\n  }\r\n  node {\r\n  " +
				"  nodeid: 2\r\n    name: b\r\n  }\r\n}\r\n\r\n",
		},
		"blank lines inside as well": {
			"totem {\n\tversion: 2\n\n\tinterface {\n\t\tringnumber: 0\n\t}\n\n\tinterface {\n\t\tringnumber: 7\n\t}\n}\n",
			"totem {\n\tversion: 2\n\ttoken: 17000\n\n\tinterface {\n\t\tringnumber: 0\n\t}\n\n\tinterface {\n\t\tringnumber: " +
				"7\n\t}\n\n\tinterface {\n\t\tringnumber: 1\n\t}\n}\n" +
				"nodelist {\n\tnode {\n\t\tnodeid: 1\n\t\tname: a\n\t}\n\tnode {\n\t\tnodeid: 2\n\t\tname: b\n\t}\n}\n",
		},
		"flat": {
			"totem {\nversion: 2\n}\n",
			"totem {\nversion: 2\ntoken: 17000\ninterface {\nringnumber: 1\n}\n}\nnodelist {\nnode {\nnodeid: 1\nname: " +
				"a\n}\nnode {\nnodeid: 2\nname: b\n}\n}\n",
		},
		"a section without keys, and a file that is indented": {
			"  totem {\n      interface {\n      }\n  }\n",
			"  totem {\n      token: 17000\n      interface {\n      }\n      interface {\n          ringnumber: 1\n      }\n  }\n" +
				"  nodelist {\n      node {\n          nodeid: 1\n          name: a\n      }\n      node {\n          nodeid: 2\n " +
				"         name: b\n      }\n  }\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := parseConf(t, test.before)
			add := func(to *Section, name string, pairs ...string) *Section {
				s, err := to.AddSection(name)
				require.NoError(t, err)
				for i := 0; i < len(pairs); i += 2 {
					require.NoError(t, s.Set(pairs[i], pairs[i+1]))
				}
				return s
			}
			totem := c.Root.Sections("totem")[0]
			require.NoError(t, totem.Set("token", "17000"))
			link := add(totem, "interface", "ringnumber", "1")
			nodes := add(c.Root, "nodelist")
			add(nodes, "node", "nodeid", "1", "name", "a")
			add(nodes, "node", "nodeid", "2", "name", "b")
			require.Equal(t, test.after, printed(t, c))
			parseConf(t, printed(t, c))

			require.True(t, c.Root.RemoveSection(nodes))
			require.True(t, totem.RemoveSection(link))
			require.True(t, totem.Remove("token"))
			require.Equal(t, test.before, printed(t, c))
		})
	}
	c := parseConf(t, strings.TrimSuffix("totem {\r\n}\r\n", "\r\n"))
	_, err := c.Root.AddSection("quorum")
	require.NoError(t, err)
	require.Equal(t, "totem {\r\n}\r\nquorum {\r\n}\r\n", printed(t, c))
}
