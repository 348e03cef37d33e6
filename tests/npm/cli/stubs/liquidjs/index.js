exports.Liquid = class {};
