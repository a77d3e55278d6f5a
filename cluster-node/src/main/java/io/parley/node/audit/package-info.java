/**
 * The journal as an auditor sees it: read where it lies, without waking a session and without
 * asking one. What is proved by that is said in {@code docs/auditors.md}.
 */
package io.parley.node.audit;
