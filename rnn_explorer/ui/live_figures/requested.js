// What takes long is done only where somebody asks for it: a search belongs to the run for which its button was pressed.

const FIELDS = ["find"];
const PLACE = "rx-searched"; // in the session's storage: the run

/**
 * Note for which run it was asked.
 * @param {string} field
 * @param {string} run
 * @param {Pick<Storage, "setItem">} store
 */
export function noteRequest(field, run, store = sessionStorage) {
  if (FIELDS.includes(field)) store.setItem(PLACE, run);
}

/**
 * Leave out what was asked for another run, such as the one before, or by whoever made a link.
 * @param {Record<string, any>} selection
 * @param {string} run
 * @param {Pick<Storage, "getItem">} store
 */
export function dropOtherRequests(selection, run, store = sessionStorage) {
  if (store.getItem(PLACE) !== run) for (const field of FIELDS) delete selection[field];
}
