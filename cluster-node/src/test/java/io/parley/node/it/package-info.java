/** Tests over real processes on loopback: nodes that are killed, real clients, a real Cassandra. */
package io.parley.node.it;
