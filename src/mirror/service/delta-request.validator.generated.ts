// Generated from manifests-schema/delta-request.schema.json by `npm run generate`: edit the schema, not this file.
// @ts-nocheck: compiled by ajv; the one function that leaves this module has a type of its own

const validate = validate20;
const schema31 = {"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"https://stellaops.io/export-center/schemas/delta-request/v1","title":"Delta request","$comment":"Code: src/mirror/service","description":"What a kit is to be planned for.","type":"object","additionalProperties":false,"required":["bases"],"properties":{"bases":{"description":"The kit contains what any of the bases lacks; without bases, all of the snapshot.","type":"array","maxItems":64,"items":{"$ref":"#/$defs/base"}}},"$defs":{"digest":{"type":"string","pattern":"^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"},"base":{"description":"Something that a zone has. Exactly one member.","type":"object","additionalProperties":false,"minProperties":1,"maxProperties":1,"properties":{"snapshot":{"description":"The manifest of a snapshot of this mirror.","$ref":"#/$defs/digest"},"receipt":{"description":"A receipt of the zone, signed by a key that the operator allowed.","$ref":"#/$defs/envelope"},"registry":{"description":"HOST[:PORT][/PREFIX] of a registry that the operator allowed; it is asked for what it has.","type":"string","minLength":1,"maxLength":512}}},"envelope":{"description":"A DSSE envelope.","type":"object","additionalProperties":false,"required":["payloadType","payload","signatures"],"properties":{"payloadType":{"type":"string","maxLength":200},"payload":{"type":"string","maxLength":12000000},"signatures":{"type":"array","maxItems":16,"items":{"type":"object","additionalProperties":false,"required":["sig"],"properties":{"keyid":{"type":"string","maxLength":200},"sig":{"type":"string","maxLength":1000}}}}}}}};
const schema32 = {"description":"Something that a zone has. Exactly one member.","type":"object","additionalProperties":false,"minProperties":1,"maxProperties":1,"properties":{"snapshot":{"description":"The manifest of a snapshot of this mirror.","$ref":"#/$defs/digest"},"receipt":{"description":"A receipt of the zone, signed by a key that the operator allowed.","$ref":"#/$defs/envelope"},"registry":{"description":"HOST[:PORT][/PREFIX] of a registry that the operator allowed; it is asked for what it has.","type":"string","minLength":1,"maxLength":512}}};
const schema33 = {"type":"string","pattern":"^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"};
const schema34 = {"description":"A DSSE envelope.","type":"object","additionalProperties":false,"required":["payloadType","payload","signatures"],"properties":{"payloadType":{"type":"string","maxLength":200},"payload":{"type":"string","maxLength":12000000},"signatures":{"type":"array","maxItems":16,"items":{"type":"object","additionalProperties":false,"required":["sig"],"properties":{"keyid":{"type":"string","maxLength":200},"sig":{"type":"string","maxLength":1000}}}}}};
const pattern4 = new RegExp("^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$", "u");
const func1 = countCodePoints;

function validate21(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate21.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if(Object.keys(data).length > 1){
const err0 = {instancePath,schemaPath:"#/maxProperties",keyword:"maxProperties",params:{limit: 1},message:"must NOT have more than 1 properties"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(Object.keys(data).length < 1){
const err1 = {instancePath,schemaPath:"#/minProperties",keyword:"minProperties",params:{limit: 1},message:"must NOT have fewer than 1 properties"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
for(const key0 in data){
if(!(((key0 === "snapshot") || (key0 === "receipt")) || (key0 === "registry"))){
const err2 = {instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
}
if(data.snapshot !== undefined){
let data0 = data.snapshot;
if(typeof data0 === "string"){
if(!pattern4.test(data0)){
const err3 = {instancePath:instancePath+"/snapshot",schemaPath:"#/$defs/digest/pattern",keyword:"pattern",params:{pattern: "^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"},message:"must match pattern \""+"^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$"+"\""};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
else {
const err4 = {instancePath:instancePath+"/snapshot",schemaPath:"#/$defs/digest/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
}
if(data.receipt !== undefined){
let data1 = data.receipt;
if(data1 && typeof data1 == "object" && !Array.isArray(data1)){
if(data1.payloadType === undefined){
const err5 = {instancePath:instancePath+"/receipt",schemaPath:"#/$defs/envelope/required",keyword:"required",params:{missingProperty: "payloadType"},message:"must have required property '"+"payloadType"+"'"};
if(vErrors === null){
vErrors = [err5];
}
else {
vErrors.push(err5);
}
errors++;
}
if(data1.payload === undefined){
const err6 = {instancePath:instancePath+"/receipt",schemaPath:"#/$defs/envelope/required",keyword:"required",params:{missingProperty: "payload"},message:"must have required property '"+"payload"+"'"};
if(vErrors === null){
vErrors = [err6];
}
else {
vErrors.push(err6);
}
errors++;
}
if(data1.signatures === undefined){
const err7 = {instancePath:instancePath+"/receipt",schemaPath:"#/$defs/envelope/required",keyword:"required",params:{missingProperty: "signatures"},message:"must have required property '"+"signatures"+"'"};
if(vErrors === null){
vErrors = [err7];
}
else {
vErrors.push(err7);
}
errors++;
}
for(const key1 in data1){
if(!(((key1 === "payloadType") || (key1 === "payload")) || (key1 === "signatures"))){
const err8 = {instancePath:instancePath+"/receipt",schemaPath:"#/$defs/envelope/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key1},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err8];
}
else {
vErrors.push(err8);
}
errors++;
}
}
if(data1.payloadType !== undefined){
let data2 = data1.payloadType;
if(typeof data2 === "string"){
if(func1(data2) > 200){
const err9 = {instancePath:instancePath+"/receipt/payloadType",schemaPath:"#/$defs/envelope/properties/payloadType/maxLength",keyword:"maxLength",params:{limit: 200},message:"must NOT have more than 200 characters"};
if(vErrors === null){
vErrors = [err9];
}
else {
vErrors.push(err9);
}
errors++;
}
}
else {
const err10 = {instancePath:instancePath+"/receipt/payloadType",schemaPath:"#/$defs/envelope/properties/payloadType/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err10];
}
else {
vErrors.push(err10);
}
errors++;
}
}
if(data1.payload !== undefined){
let data3 = data1.payload;
if(typeof data3 === "string"){
if(func1(data3) > 12000000){
const err11 = {instancePath:instancePath+"/receipt/payload",schemaPath:"#/$defs/envelope/properties/payload/maxLength",keyword:"maxLength",params:{limit: 12000000},message:"must NOT have more than 12000000 characters"};
if(vErrors === null){
vErrors = [err11];
}
else {
vErrors.push(err11);
}
errors++;
}
}
else {
const err12 = {instancePath:instancePath+"/receipt/payload",schemaPath:"#/$defs/envelope/properties/payload/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err12];
}
else {
vErrors.push(err12);
}
errors++;
}
}
if(data1.signatures !== undefined){
let data4 = data1.signatures;
if(Array.isArray(data4)){
if(data4.length > 16){
const err13 = {instancePath:instancePath+"/receipt/signatures",schemaPath:"#/$defs/envelope/properties/signatures/maxItems",keyword:"maxItems",params:{limit: 16},message:"must NOT have more than 16 items"};
if(vErrors === null){
vErrors = [err13];
}
else {
vErrors.push(err13);
}
errors++;
}
const len0 = data4.length;
for(let i0=0; i0<len0; i0++){
let data5 = data4[i0];
if(data5 && typeof data5 == "object" && !Array.isArray(data5)){
if(data5.sig === undefined){
const err14 = {instancePath:instancePath+"/receipt/signatures/" + i0,schemaPath:"#/$defs/envelope/properties/signatures/items/required",keyword:"required",params:{missingProperty: "sig"},message:"must have required property '"+"sig"+"'"};
if(vErrors === null){
vErrors = [err14];
}
else {
vErrors.push(err14);
}
errors++;
}
for(const key2 in data5){
if(!((key2 === "keyid") || (key2 === "sig"))){
const err15 = {instancePath:instancePath+"/receipt/signatures/" + i0,schemaPath:"#/$defs/envelope/properties/signatures/items/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key2},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err15];
}
else {
vErrors.push(err15);
}
errors++;
}
}
if(data5.keyid !== undefined){
let data6 = data5.keyid;
if(typeof data6 === "string"){
if(func1(data6) > 200){
const err16 = {instancePath:instancePath+"/receipt/signatures/" + i0+"/keyid",schemaPath:"#/$defs/envelope/properties/signatures/items/properties/keyid/maxLength",keyword:"maxLength",params:{limit: 200},message:"must NOT have more than 200 characters"};
if(vErrors === null){
vErrors = [err16];
}
else {
vErrors.push(err16);
}
errors++;
}
}
else {
const err17 = {instancePath:instancePath+"/receipt/signatures/" + i0+"/keyid",schemaPath:"#/$defs/envelope/properties/signatures/items/properties/keyid/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err17];
}
else {
vErrors.push(err17);
}
errors++;
}
}
if(data5.sig !== undefined){
let data7 = data5.sig;
if(typeof data7 === "string"){
if(func1(data7) > 1000){
const err18 = {instancePath:instancePath+"/receipt/signatures/" + i0+"/sig",schemaPath:"#/$defs/envelope/properties/signatures/items/properties/sig/maxLength",keyword:"maxLength",params:{limit: 1000},message:"must NOT have more than 1000 characters"};
if(vErrors === null){
vErrors = [err18];
}
else {
vErrors.push(err18);
}
errors++;
}
}
else {
const err19 = {instancePath:instancePath+"/receipt/signatures/" + i0+"/sig",schemaPath:"#/$defs/envelope/properties/signatures/items/properties/sig/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err19];
}
else {
vErrors.push(err19);
}
errors++;
}
}
}
else {
const err20 = {instancePath:instancePath+"/receipt/signatures/" + i0,schemaPath:"#/$defs/envelope/properties/signatures/items/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err20];
}
else {
vErrors.push(err20);
}
errors++;
}
}
}
else {
const err21 = {instancePath:instancePath+"/receipt/signatures",schemaPath:"#/$defs/envelope/properties/signatures/type",keyword:"type",params:{type: "array"},message:"must be array"};
if(vErrors === null){
vErrors = [err21];
}
else {
vErrors.push(err21);
}
errors++;
}
}
}
else {
const err22 = {instancePath:instancePath+"/receipt",schemaPath:"#/$defs/envelope/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err22];
}
else {
vErrors.push(err22);
}
errors++;
}
}
if(data.registry !== undefined){
let data8 = data.registry;
if(typeof data8 === "string"){
if(func1(data8) > 512){
const err23 = {instancePath:instancePath+"/registry",schemaPath:"#/properties/registry/maxLength",keyword:"maxLength",params:{limit: 512},message:"must NOT have more than 512 characters"};
if(vErrors === null){
vErrors = [err23];
}
else {
vErrors.push(err23);
}
errors++;
}
if(func1(data8) < 1){
const err24 = {instancePath:instancePath+"/registry",schemaPath:"#/properties/registry/minLength",keyword:"minLength",params:{limit: 1},message:"must NOT have fewer than 1 characters"};
if(vErrors === null){
vErrors = [err24];
}
else {
vErrors.push(err24);
}
errors++;
}
}
else {
const err25 = {instancePath:instancePath+"/registry",schemaPath:"#/properties/registry/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err25];
}
else {
vErrors.push(err25);
}
errors++;
}
}
}
else {
const err26 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err26];
}
else {
vErrors.push(err26);
}
errors++;
}
validate21.errors = vErrors;
return errors === 0;
}
validate21.evaluated = {"props":true,"dynamicProps":false,"dynamicItems":false};


function validate20(data, {instancePath="", parentData, parentDataProperty, rootData=data, dynamicAnchors={}}={}){
let vErrors = null;
let errors = 0;
const evaluated0 = validate20.evaluated;
if(evaluated0.dynamicProps){
evaluated0.props = undefined;
}
if(evaluated0.dynamicItems){
evaluated0.items = undefined;
}
if(data && typeof data == "object" && !Array.isArray(data)){
if(data.bases === undefined){
const err0 = {instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: "bases"},message:"must have required property '"+"bases"+"'"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
for(const key0 in data){
if(!(key0 === "bases")){
const err1 = {instancePath,schemaPath:"#/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
if(data.bases !== undefined){
let data0 = data.bases;
if(Array.isArray(data0)){
if(data0.length > 64){
const err2 = {instancePath:instancePath+"/bases",schemaPath:"#/properties/bases/maxItems",keyword:"maxItems",params:{limit: 64},message:"must NOT have more than 64 items"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
const len0 = data0.length;
for(let i0=0; i0<len0; i0++){
if(!(validate21(data0[i0], {instancePath:instancePath+"/bases/" + i0,parentData:data0,parentDataProperty:i0,rootData,dynamicAnchors}))){
vErrors = vErrors === null ? validate21.errors : vErrors.concat(validate21.errors);
errors = vErrors.length;
}
}
}
else {
const err3 = {instancePath:instancePath+"/bases",schemaPath:"#/properties/bases/type",keyword:"type",params:{type: "array"},message:"must be array"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
}
else {
const err4 = {instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
}
validate20.errors = vErrors;
return errors === 0;
}
validate20.evaluated = {"props":true,"dynamicProps":false,"dynamicItems":false};

function countCodePoints(text) {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Where a value departs from the schema, as a JSON pointer (RFC 6901), and how; the first hundred of them. */
export function findFaults(value: unknown): { readonly pointer: string; readonly problem: string }[] {
  if (validate(value)) return [];
  return validate.errors.slice(0, 100).map((error) => {
    const member = error.params.additionalProperty ?? error.params.missingProperty ?? error.propertyName;
    const step = member === undefined ? '' : '/' + member.slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1');
    const unknown = error.keyword === 'additionalProperties' ? 'is not known' : undefined;
    const missing = error.keyword === 'required' ? 'is missing' : undefined;
    return { pointer: error.instancePath + step, problem: unknown ?? missing ?? error.message };
  });
}
