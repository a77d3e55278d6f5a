/** The distribution's own tests. */
package io.parley.deploy;
