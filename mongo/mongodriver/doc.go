// Package mongodriver lets package mongo/live reach servers through the official driver (go.mongodb.org/mongo-driver v1.17, servers from
// 3.6 to 8.x). It is apart from package mongo/live so that who reaches the servers in another way does not link the driver.
//
//	rs := live.NewReplicaSet("set02", []string{"sessionmgr01:27718"}, mongodriver.Dialer(mongodriver.Options{}), live.Options{})
//	defer rs.Close(ctx)
//	status, err := rs.Status(ctx)
//
// Version 2 of the driver refuses MongoDB 3.6, which CPS runs: https://www.mongodb.com/docs/drivers/compatibility/.
package mongodriver
