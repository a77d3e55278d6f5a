/**
 * Which worker gets which work, among the workers that ask for one: a small class for each policy.
 *
 * <p>A dispatcher calls a policy of its own for each model, on its own thread. Policies hold no
 * works and send nothing; what they remember is lost with their dispatcher, and costs a worse
 * choice at most.
 */
package io.parley.routing.policy;
