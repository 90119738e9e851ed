/**
 * The components of a bundle, by the name that their models go by.
 * @type {Record<string, {initialize?: (context: any) => unknown, render: (context: any) => unknown}>}
 */
export const modules = {};
