package simhost

// SameTree does what the script of backup.SameTree does: it prints each name below the tree of its first argument that the directory of
// its second does not have alike. Exit status 1 says that there are some, 2 that the tree has nothing.
func SameTree(c *Call) int {
	tree, dir := c.Args[1], c.Args[2]
	if names, err := c.Host.List(tree); err != nil || len(names) == 0 {
		return c.Fail(2, "there is nothing in %s", tree)
	}
	status := 0
	var compare func(name string)
	compare = func(name string) {
		is, err := c.Host.Lstat(tree + name)
		has, errHas := c.Host.Lstat(dir + name)
		if err != nil || errHas != nil || is.Kind != has.Kind || is.Mode != has.Mode || is.UID != has.UID || is.GID != has.GID ||
			is.Target != has.Target || is.Data != has.Data {
			c.Printf(".%s\n", name)
			status = 1
		}
		if is != nil && is.Kind == Dir {
			names, _ := c.Host.List(tree + name)
			for _, below := range names {
				compare(name + "/" + below)
			}
		}
	}
	compare("")
	return status
}
